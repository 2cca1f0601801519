"""Plan: dependencies are checked before anything runs, and results flow into payloads."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.documents import read_document, validate
from orchestrator.errors import (
    AgentError,
    CapacityError,
    CycleError,
    DocumentError,
    DuplicateTaskError,
    PointsmanError,
    UnknownTaskError,
)
from orchestrator.messages import Result, Task
from orchestrator.plan import (
    MAX_TASKS,
    Plan,
    PlanEntry,
    at_pointer,
    find_faults,
    has_references,
    load_plan,
    resolve_payload,
)


def read_plan(text: str) -> Plan:
    """Read a plan from text."""
    document = read_document(text, "p")
    return validate(document, PlanEntry).to_plan(document)


def test_plan_file_becomes_tasks_in_its_order(tmp_path: Path) -> None:
    """Tasks come in the order of the file, with the plan's `on_failure` where they state none."""
    path = tmp_path / "release.plan.yaml"
    path.write_text(
        "plan: release\nseed: 7\non_failure: skip\ntasks:\n"
        "  notes: {request: write notes, after: [check], agent: release-notes, on_failure: continue}\n"
        "  check:\n    request: check it\n    payload: {path: a.sql, deep: [1, null]}\n    estimate_s: 2\n"
        "  sign:\n    request: sign\n    after: check\n",
        encoding="utf-8",
    )
    assert load_plan(str(path)) == Plan(
        "release",
        (
            Task("notes", "write notes", after=("check",), agent="release-notes", on_failure="continue"),
            Task("check", "check it", {"path": "a.sql", "deep": [1, None]}, on_failure="skip", estimate_s=2.0),
            Task("sign", "sign", after=("check",), on_failure="skip"),
        ),
        seed=7,
    )


def test_plan_in_a_file_points_to_its_faults() -> None:
    """What does not fit is refused at its place."""
    with pytest.raises(DocumentError, match=r"^p:4:30: task 'b' waits for 'c', which does not exist; known: a$"):
        read_plan("plan: p\ntasks:\n  a: {request: x}\n  b: {request: x, after: [a, c]}\n")


def test_plan_built_in_python_is_checked_too() -> None:
    """A plan that cannot run cannot be made."""
    with pytest.raises(DuplicateTaskError, match="'a'"):
        Plan("p", (Task("a", "x"), Task("a", "y")))
    with pytest.raises(UnknownTaskError, match=r"'a' waits for 'aa', which does not exist"):
        Plan("p", (Task("a", "x", after=("aa",)),))
    with pytest.raises(CycleError) as refusal:
        Plan("p", (Task("z", "x"), Task("a", "x", after=("z", "b")), Task("b", "x", after=("a",))))
    assert refusal.value.cycle == ("a", "b")
    with pytest.raises(PointsmanError, match="uses the result of 'b' without waiting for it"):
        Plan("p", (Task("a", "x", {"x": {"$result": "b"}}), Task("b", "x")))


def test_a_plan_beyond_its_capacity_is_refused_unread() -> None:
    """The cap is named, and not one task is looked at: these could not even be."""
    many: Any = (None,) * (MAX_TASKS + 1)
    with pytest.raises(CapacityError, match=r"^100001 tasks at once: a plan holds 100000 tasks at most"):
        Plan("p", many)
    tasks = tuple(Task(str(number), "x") for number in range(3))
    with pytest.raises(CapacityError, match=r"^3 tasks at once: a plan holds 2 tasks at most"):
        Plan("p", tasks, capacity=2)
    assert Plan("p", tasks, capacity=3) == Plan("p", tasks)


def test_a_cycle_of_as_many_tasks_as_a_plan_may_have_is_found() -> None:
    """It is found without recursion, starts with the first task, and each task waits for the next."""
    names = [f"t{number}" for number in range(MAX_TASKS)]
    tasks = tuple(Task(name, "x", after=(names[number - 1],)) for number, name in enumerate(names))
    with pytest.raises(CycleError) as refusal:
        Plan("p", tasks)
    assert refusal.value.cycle == (names[0], *reversed(names[1:]))


def test_a_name_that_is_missing_among_many_is_found_near_where_it_would_stand() -> None:
    """Of 100,000 names not all are compared: those before and after it in the alphabet are."""
    tasks = [Task(f"load-{number:06}", "x") for number in range(MAX_TASKS - 1)]
    with pytest.raises(UnknownTaskError, match=r"did you mean 'load-07\d*7'"):
        Plan("p", (*tasks, Task("last", "x", after=("load-07777x",))))


def test_tasks_may_wait_for_known_ones() -> None:
    """Tasks of an earlier step count as known."""
    tasks = (Task("b", "x", after=("a",)),)
    assert [fault.task for fault in find_faults(tasks)] == ["b"]
    assert list(find_faults(tasks, known=["a"])) == []


@given(st.integers(2, 30), st.randoms(use_true_random=False))
def test_every_cycle_is_found_and_named(size: int, random: Any) -> None:
    """Among any tasks, a cycle is reported as a chain in which each task waits for the next."""
    after = {str(i): tuple(str(j) for j in random.sample(range(i), min(i, 2))) for i in range(size)}
    tail = random.randrange(size - 1)
    chain = [str(tail)]
    after[str(tail)] += (str(size - 1),)
    after[str(size - 1)] = (*after[str(size - 1)], str(tail))
    tasks = [Task(name, "x", after=after[name]) for name in after]
    (fault,) = find_faults(tasks)
    assert isinstance(fault.error, CycleError)
    cycle = fault.error.cycle
    for one, other in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
        assert other in after[one]
    assert chain


RESULTS = {
    "a": Result("a", "completed", output={"files": ["x.sql", "y.sql"], "a/b": {"m~n": 1}, "": "empty"}),
    "gone": Result("gone", "skipped"),
}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("a", RESULTS["a"].output),
        ("a#", RESULTS["a"].output),
        ("a#/files/1", "y.sql"),
        ("a#/a~1b/m~0n", 1),
        ("a#/", "empty"),
    ],
)
def test_references_are_replaced_by_outputs(pointer: str, value: Any) -> None:
    """`$result` takes the whole output, or what a JSON pointer leads to."""
    payload = MappingProxyType({"keep": [1, {"in": {"$result": pointer}}], "text": "$result"})
    assert resolve_payload(payload, RESULTS) == {"keep": [1, {"in": value}], "text": "$result"}
    assert has_references(payload)


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("b", "names task 'b', which this task does not wait for; add it to `after`"),
        ("gone#/x", "names task 'gone', which ended as skipped and has no output"),
        ("a#/fils", r"a#/fils: no 'fils' at the top; did you mean 'files'\? known: , a/b, files"),
        ("a#/files/2", "no item '2' at /files; the list there has 2 items, counted from 0"),
        ("a#/files/01", "no item '01' at /files"),
        ("a#/files/-", "no item '-' at /files"),
        ("a#/files/²", "no item '²' at /files"),
        ("a#/files/99999999999999999999", "no item '9+' at /files"),
        ("a#/files/0/x", "no 'x' at /files/0; there is 'x.sql' and nothing below it"),
        ("a#files", "no JSON pointer after '#'; write a#/files"),
    ],
)
def test_reference_that_leads_nowhere_is_an_agent_error(reference: str, problem: str) -> None:
    """A reference that misses fails its task at once and says where the way ends."""
    with pytest.raises(AgentError, match=problem):
        resolve_payload({"x": [{"$result": reference}]}, RESULTS)


@pytest.mark.parametrize("reference", [{"$result": "a", "more": 1}, {"$result": 3}, {"$result": None}])
def test_reference_stands_alone_and_is_text(reference: dict[str, Any]) -> None:
    """An object with `$result` and something else is ambiguous and refused, in a plan as when resolving."""
    with pytest.raises(AgentError, match="has company or holds no text"):
        resolve_payload(reference, RESULTS)
    faults = list(find_faults([Task("a", "x"), Task("b", "x", {"in": [reference]}, after=("a",))]))
    assert [(fault.task, fault.loc) for fault in faults] == [("b", ("payload", "in", 0))]


def test_what_is_put_in_is_not_looked_at_again() -> None:
    """An output that holds `$result` is data: nobody's text becomes a reference."""
    results = {"a": Result("a", "completed", output={"$result": "secret#/x"})}
    assert resolve_payload({"$result": "a"}, results) == {"$result": "secret#/x"}


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~$", max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(PLAIN)
def test_payload_without_references_stays_as_it_is(payload: Any) -> None:
    """Resolving changes nothing but references."""
    assert not has_references(payload)
    assert resolve_payload(payload, {}) == payload


@given(PLAIN)
def test_every_place_has_a_pointer(value: Any) -> None:
    """Each part of a JSON value is reached by the pointer made of its escaped keys and indices (RFC 6901)."""
    for pointer, part in _places(value, ""):
        assert at_pointer(value, pointer) is part


def _places(value: Any, way: str) -> list[tuple[str, Any]]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [
        place
        for key, part in items
        for place in _places(part, f"{way}/{str(key).replace('~', '~0').replace('/', '~1')}")
    ]
    return [(way, value), *below]


def test_pointer_begins_with_a_slash() -> None:
    """A pointer without a slash is refused rather than guessed at."""
    with pytest.raises(AgentError, match="must be empty or begin with '/'"):
        at_pointer({"a": 1}, "a")


@pytest.mark.parametrize("payload", [{}, [], None, "x", {"a": ({"b": [{"$resul": 1}]},)}])
def test_payload_without_references_is_recognised(payload: Any) -> None:
    """Nothing but the key `$result` is a reference."""
    assert not has_references(payload)
