"""Comparing two runs: ten planted changes of a real one, each found by class and named as the first cause."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.messages import Envelope
from orchestrator.topics import TASK_COMPLETED, TASK_SUBMITTED, TASK_UNLOCKED
from scenarios.divergence import Comparison, Divergence, compare
from scenarios.track import MemoryTrack
from tests.scenarios.recorded import BRANCHES, against, body, envelopes, find, record, renumbered, track

BRANCH = st.integers(0, BRANCHES - 1)


def the_only(found: Comparison) -> Divergence:
    """Return the only first cause."""
    (divergence,) = found.divergences
    assert sum(found.counts.values()) == 1
    return divergence


def pointers(divergence: Divergence) -> list[str]:
    """Return where a row differs."""
    return [change.pointer for change in divergence.changes]


# --- nothing changed --------------------------------------------------------------------------------------------------


def test_an_unchanged_run_is_the_same() -> None:
    """No alarm, no note."""
    found = against(envelopes())
    assert found.same
    assert (found.counts, found.below, found.moved_rows) == ({}, 0, 0)


def test_the_same_under_another_name_is_the_same() -> None:
    """The name is in keys of effects and in outputs, and trace and span ids are made of it: no difference."""
    other = record("another-name")
    assert compare(MemoryTrack(record()), MemoryTrack(other)).same
    assert compare(MemoryTrack(other), MemoryTrack(record())).same


def test_a_span_that_its_name_does_not_give_is_a_difference() -> None:
    """Only what follows from the name is passed over."""
    rows = envelopes("another-name")
    at = find(rows, "task.routed", "pay-1")
    rows[at].body["decision"]["span_id"] = "0" * 16
    found = the_only(compare(MemoryTrack(record()), track(rows, "another-name")))
    assert (found.kind, found.task, pointers(found)) == ("payload", "pay-1", ["/body/decision/span_id"])


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_rows_that_commute_in_any_order_are_a_note(rng: random.Random) -> None:
    """Whatever order the causes allow, with ids that count up in it: no alarm."""
    rows = shuffled(envelopes(), rng)
    found = against(rows)
    assert found.same, found.divergences
    assert (found.moved_rows > 0) == ([row.body for row in rows] != [row.body for row in envelopes()])


def shuffled(rows: list[Envelope], rng: random.Random) -> list[Envelope]:
    """Return the rows in another order that keeps causes, the rows of a task, those of the run, and of a busy agent."""
    before: dict[int, set[int]] = {at: set() for at in range(len(rows))}
    last: dict[str, int] = {}
    places = {row.id: at for at, row in enumerate(rows)}
    waits: dict[str, tuple[str, ...]] = {}
    for at, row in enumerate(rows):
        if row.topic == TASK_SUBMITTED:
            waits[row.correlation_id] = tuple(row.body["task"].get("after", ()))
        keys = [row.correlation_id or "run"]
        keys += [f"agent {row.body['agent']}"] if row.body.get("agent") == "printer" else []
        keys += [f"end {task}" for task in waits.get(row.correlation_id, ())] if row.topic == TASK_UNLOCKED else []
        before[at] |= {last[key] for key in keys if key in last}
        before[at] |= {places[row.causation_id]} if row.causation_id else set()
        if row.topic == "run.stopped":
            before[at] |= set(range(at))
        last |= dict.fromkeys(keys[: 2 if row.topic != TASK_UNLOCKED else 1], at)
        last |= {f"end {row.correlation_id}": at} if row.topic == TASK_COMPLETED else {}
    order: list[int] = []
    while before:
        ready = sorted(at for at, parents in before.items() if not parents - set(order))
        order.append(rng.choice(ready))
        del before[order[-1]]
    return renumbered(rows[at] for at in order)


# --- ten planted changes ----------------------------------------------------------------------------------------------


@given(BRANCH)
@settings(deadline=None)
def test_a_changed_argument(branch: int) -> None:
    """Of a task: the submission is named, with the pointer, and not what came of it."""
    rows = envelopes()
    at = find(rows, TASK_SUBMITTED, f"pay-{branch}")
    rows[at].body["task"]["payload"]["cents"] = 999
    rows[find(rows, TASK_COMPLETED, f"pay-{branch}")].body["output"]["paid"] = 999
    rows[find(rows, TASK_COMPLETED, f"print-{branch}")].body["output"]["pages"] = 9
    found = the_only(against(rows))
    assert (found.kind, found.task, found.topic) == ("payload", f"pay-{branch}", TASK_SUBMITTED)
    assert pointers(found) == ["/body/task/payload/cents"]
    assert (found.changes[0].recorded, found.changes[0].actual) == (100 * (branch + 1), 999)
    assert (found.recorded, found.actual) == (found.actual, found.recorded)
    assert found.below == 2


@given(BRANCH)
@settings(deadline=None)
def test_a_changed_return_value(branch: int) -> None:
    """The row with the end of the task is named, its lineage goes back to the submission, its agent is known."""
    rows = envelopes()
    rows[find(rows, TASK_COMPLETED, f"print-{branch}")].body["output"]["pages"] += 1
    found = the_only(against(rows))
    assert (found.kind, found.task, pointers(found)) == ("payload", f"print-{branch}", ["/body/output/pages"])
    assert found.agent == "printer"
    assert [link.topic for link in found.upstream[:4]] == [
        "task.started",
        "agent.printer",
        "task.routed",
        "task.unlocked",
    ]
    assert (found.upstream[-1].topic, found.upstream[-1].task) == (TASK_SUBMITTED, f"pay-{branch}")


@given(BRANCH, st.integers(0, 1))
@settings(deadline=None)
def test_a_dropped_call(branch: int, which: int) -> None:
    """Of two effects one is missing: its intent is the cause, its receipt follows; ids moved and do not matter."""
    rows = envelopes()
    key = f"as-recorded/pay-{branch}/pay/{which + 1}"
    rows = renumbered(row for row in rows if row.body.get("key") != key)
    found = the_only(against(rows))
    assert (found.kind, found.task, found.topic) == ("missing", f"pay-{branch}", "effect.intended")
    assert found.actual is None
    assert found.changes[0].recorded["key"] == key
    assert found.below == 1


@given(BRANCH)
@settings(deadline=None)
def test_an_extra_call(branch: int) -> None:
    """An effect that was not recorded: its intent is the cause, and its receipt follows."""
    rows = envelopes()
    at = find(rows, "effect.done", f"pay-{branch}", 1)
    task, cause = f"pay-{branch}", rows[find(rows, "task.started", f"pay-{branch}")].id
    about = {"effect": "pay", "key": f"as-recorded/{task}/pay/3"}
    begun = Envelope("new-1", "effect.intended", task, cause, rows[at].at, about)
    done = Envelope("new-2", "effect.done", task, "new-1", rows[at].at, {**about, "output": 1})
    found = the_only(against(renumbered([*rows[: at + 1], begun, done, *rows[at + 1 :]])))
    assert (found.kind, found.topic, found.recorded) == ("extra", "effect.intended", None)
    assert found.upstream[0].topic == "task.started"
    assert found.below == 1


@given(BRANCH)
@settings(deadline=None)
def test_a_swapped_agent(branch: int) -> None:
    """Another agent was chosen: the decision flipped; command, start and end follow from it."""
    rows = envelopes()
    task = f"print-{branch}"
    rows[find(rows, "task.routed", task)].body["decision"]["chosen"] = "auditor"
    at = find(rows, "agent.printer", task)
    rows[at] = rows[at]._replace(topic="agent.auditor")
    for topic in ("task.started", TASK_COMPLETED):
        body(rows[find(rows, topic, task)])["agent"] = "auditor"
    found = the_only(against(rows))
    assert (found.kind, found.task, pointers(found)) == ("decision-flipped", task, ["/body/decision/chosen"])
    assert (found.changes[0].recorded, found.changes[0].actual) == ("printer", "auditor")
    assert found.below == 3


@given(BRANCH)
@settings(deadline=None)
def test_a_score_that_moved_over_the_threshold(branch: int) -> None:
    """The router abstained where it had chosen: flipped, although the topic is another one and rows are gone."""
    rows = envelopes()
    task = f"print-{branch}"
    at = find(rows, "task.routed", task)
    rows[at] = rows[at]._replace(topic="task.abstained")
    body(rows[at])["decision"] |= {"chosen": None, "abstained": "below-threshold", "confidence": 0.01}
    gone = [row for row in rows if row.correlation_id == task and int(row.id) > at + 1]
    found = the_only(against(renumbered(row for row in rows if row not in gone)))
    assert (found.kind, found.task) == ("decision-flipped", task)
    assert pointers(found)[:2] == ["/body/decision/abstained", "/body/decision/chosen"]
    assert {"/topic", "/body/decision/confidence"} <= set(pointers(found))
    assert found.below >= len(gone)


@given(BRANCH, st.floats(1e-5, 0.1))
@settings(deadline=None, max_examples=15)
def test_a_score_that_moved_and_changed_nothing_drifted(branch: int, by: float) -> None:
    """Beyond the tolerance it is named, as drifted; within it, it is the same."""
    rows = envelopes()
    rows[find(rows, "task.routed", f"pay-{branch}")].body["decision"]["confidence"] += by
    found = the_only(against(rows))
    assert (found.kind, pointers(found)) == ("decision-drifted", ["/body/decision/confidence"])
    assert against(rows, tolerance=by * 1.01).same


def test_a_drift_hides_no_changed_output() -> None:
    """The agent is not told of scores, so what it returns does not follow from one that moved."""
    rows = envelopes()
    rows[find(rows, "task.routed", "pay-1")].body["decision"]["confidence"] -= 0.1
    rows[find(rows, TASK_COMPLETED, "pay-1")].body["output"]["paid"] = 1
    assert against(rows).counts == {"decision-drifted": 1, "payload": 1}


@pytest.mark.parametrize("key", ["code", "digest", "version"])
def test_another_fingerprint_of_a_plugin_is_told_first(key: str) -> None:
    """Its card or its code: environment, before the first cause, which is told all the same."""
    rows = envelopes()
    agents = [at for at, row in enumerate(rows) if row.topic == "registry.agent_registered"]
    body(rows[agents[1]])[key] = "0" * 16
    rows[find(rows, TASK_COMPLETED, "pay-0")].body["output"]["paid"] = 1
    first, second = against(rows).divergences
    assert (first.kind, first.topic, pointers(first)) == ("environment", "registry.agent_registered", [f"/body/{key}"])
    assert (second.kind, second.task) == ("payload", "pay-0")


def test_another_policy_is_environment() -> None:
    """As the card or the settings state it."""
    rows = envelopes()
    agents = [at for at, row in enumerate(rows) if row.topic == "registry.agent_registered"]
    body(rows[agents[0]])["policy"] = {"timeout_s": 5.0}
    found = the_only(against(rows))
    assert (found.kind, pointers(found)) == ("environment", ["/body/policy/timeout_s"])


def test_another_router_is_told_once() -> None:
    """Its fingerprint stands in each decision as well; these are counted below the row that begins the run."""
    rows = envelopes()
    body(rows[0])["router"] = "0" * 16
    decided = [row for row in rows if "decision" in row.body]
    for row in decided:
        row.body["decision"]["fingerprint"] = "0" * 16
    found = the_only(against(rows))
    assert (found.kind, found.topic, found.below) == ("environment", "run.started", len(decided))


def test_an_agent_that_is_not_there_is_environment() -> None:
    """Missing in one run, extra in the other."""
    rows = renumbered(row for row in envelopes() if row.body.get("agent") != "auditor" or row.correlation_id)
    assert [one.kind for one in against(rows).divergences] == ["environment"]
    back = compare(track(rows), MemoryTrack(record()))
    assert [(one.kind, one.recorded) for one in back.divergences] == [("environment", None)]


@given(BRANCH)
@settings(deadline=None)
def test_a_duplicate(branch: int) -> None:
    """A row that came twice: the second one is extra."""
    rows = envelopes()
    at = find(rows, TASK_COMPLETED, f"pay-{branch}")
    twice = rows[at]._replace(id="again")
    found = the_only(against(renumbered([*rows[: at + 1], twice, *rows[at + 1 :]])))
    assert (found.kind, found.task, found.topic) == ("extra", f"pay-{branch}", TASK_COMPLETED)
    assert found.actual is not None
    assert found.actual.row == at + 2


# --- causes -----------------------------------------------------------------------------------------------------------


def test_of_three_on_different_branches_the_root_is_named_whatever_their_times() -> None:
    """Two that follow from it by results alone come under it, although one of them has the smallest time of all."""
    rows = envelopes()
    rows[find(rows, TASK_COMPLETED, "pay-0")].body["output"]["paid"] = 1
    rows[find(rows, TASK_COMPLETED, "print-0")].body["output"]["pages"] = 7
    at = find(rows, TASK_COMPLETED, "close")
    rows[at] = rows[at]._replace(body={**rows[at].body, "output": "closed 7"}, at=0.0)
    found = the_only(against(rows))
    assert (found.task, found.below) == ("pay-0", 2)


def test_what_a_task_waited_for_is_upstream_though_another_one_unlocked_it() -> None:
    """Three are waited for, and the last to end is the cause on record; any of them may be the first cause."""
    for branch in range(BRANCHES):
        rows = envelopes()
        rows[find(rows, TASK_COMPLETED, f"print-{branch}")].body["output"]["pages"] = 7
        body(rows[find(rows, TASK_COMPLETED, "close")])["output"] = "closed 7"
        assert (the_only(against(rows)).task, the_only(against(rows)).below) == (f"print-{branch}", 1)


def test_independent_causes_are_all_named() -> None:
    """In the order of the recorded run."""
    rows = envelopes()
    for branch in range(BRANCHES):
        rows[find(rows, TASK_COMPLETED, f"pay-{branch}")].body["output"]["paid"] = 1
    found = against(rows)
    assert [(one.kind, one.task) for one in found.divergences] == [("payload", f"pay-{n}") for n in range(BRANCHES)]


def test_another_cause_is_a_difference() -> None:
    """A row that names another row than its own as its cause; that ids moved is none."""
    rows = envelopes()
    at = find(rows, "effect.intended", "pay-1", 1)
    rows[at] = rows[at]._replace(causation_id=rows[find(rows, "task.started", "pay-0")].id)
    assert pointers(the_only(against(rows))) == ["/cause"]


def test_the_later_of_two_ends_unlocks_a_task_and_their_order_matters() -> None:
    """Then the row that names the other one is a divergence, reordered; what came of it is below."""
    rows = envelopes()
    at = find(rows, TASK_UNLOCKED, "close")
    other = "print-0" if rows[at].body["by"] != "print-0" else "print-1"
    rows[at] = rows[at]._replace(body={"by": other}, causation_id=rows[find(rows, TASK_COMPLETED, other)].id)
    found = the_only(against(rows))
    assert (found.kind, pointers(found)) == ("reordered", ["/body/by", "/cause"])


def test_the_rows_of_one_task_do_not_commute() -> None:
    """Two of them turned round is a divergence."""
    rows = envelopes()
    one, other = find(rows, "effect.done", "pay-1", 0), find(rows, "effect.intended", "pay-1", 1)
    rows[one], rows[other] = rows[other], rows[one]
    found = against(rows)
    assert (found.divergences[0].kind, found.divergences[0].task) == ("reordered", "pay-1")
    assert not found.same


def test_attempts_at_an_agent_that_takes_one_at_a_time_do_not_commute() -> None:
    """The printer says so in its policy; the clerk does not, and its attempts are in any order above."""
    rows = envelopes()
    mine, others = ([row for row in rows if row.correlation_id == f"print-{n}"][1:] for n in (0, 1))
    rest = [row for row in rows if row not in mine and row not in others]
    at = max(rest.index(row) for row in rest if row.correlation_id in ("pay-0", "pay-1")) + 1
    kept = renumbered([*rest[:at], *mine, *others, *rest[at:]])
    turned = renumbered([*rest[:at], *others, *mine, *rest[at:]])
    found = the_only(compare(track(kept), track(turned)))
    assert (found.kind, found.topic, found.agent) == ("reordered", "task.started", "printer")
    assert (found.changes[0].recorded, found.changes[0].actual) == (
        "before task.started of print-1",
        "after task.started of print-1",
    )


# --- time -------------------------------------------------------------------------------------------------------------


def later(rows: list[Envelope], first: int, by: float) -> list[Envelope]:
    """Return the rows, from one on so much later."""
    return [row._replace(at=row.at + by) if at >= first else row for at, row in enumerate(rows)]


def test_times_are_looked_at_only_where_that_is_asked_for() -> None:
    """A run at another time of day is the same; one row that was late is named, and those after it are below."""
    rows = envelopes()
    assert against(later(rows, 0, 3600.0)).same
    assert against(later(rows, 0, 3600.0), timing=0.0).same
    at = find(rows, TASK_COMPLETED, "close")
    late = later(rows, at, 2.0)
    assert against(late).same
    assert against(late, timing=2.0).same
    found = against(late, timing=1.0)
    assert (found.divergences[0].kind, found.divergences[0].task) == ("timing", "close")
    assert pointers(found.divergences[0]) == ["/at"]


def test_what_is_told_is_bounded_and_what_there_is_is_counted() -> None:
    """So that two runs that have nothing in common end, too."""
    rows: list[Any] = [
        row._replace(correlation_id=f"x{row.correlation_id}") for row in envelopes() if row.correlation_id
    ]
    found = against(rows, most=2)
    assert len([one for one in found.divergences if one.kind == "missing"]) == 2
    assert found.counts["missing"] == 2 * BRANCHES + 2 + 1  # tasks but the added one, and the end
