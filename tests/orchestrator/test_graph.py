import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.critical_path import MAX_RAISED
from orchestrator.errors import CycleError, DuplicateTaskError, UnknownTaskError
from orchestrator.graph import GraphStatistics, TaskGraph, Unlocked
from orchestrator.messages import OnFailure, Result, Task

POLICIES: tuple[OnFailure, ...] = ("fail", "skip", "continue")


def task(name: str, *after: str, on_failure: OnFailure = "fail", estimate_s: float = 1.0) -> Task:
    return Task(name, f"do {name}", after=after, on_failure=on_failure, estimate_s=estimate_s)


def completed(name: str) -> Result:
    return Result(name, "completed")


def failed(name: str) -> Result:
    return Result(name, "failed", error="no")


def names(unlocked: Unlocked) -> tuple[list[str], list[tuple[str, str]]]:
    return [ready.id for ready in unlocked.ready], [(ended.task_id, ended.status) for ended in unlocked.ended]


@st.composite
def plans(draw: st.DrawFn, max_size: int = 12) -> list[Task]:
    """Draw tasks that form a DAG, in any order, with every mixture of failure policies."""
    size = draw(st.integers(1, max_size))
    tasks = []
    for n in range(size):
        after = draw(st.lists(st.integers(0, n - 1), unique=True, max_size=4)) if n else []
        tasks.append(
            task(
                str(n),
                *(str(other) for other in after),
                on_failure=draw(st.sampled_from(POLICIES)),
                estimate_s=draw(st.integers(0, 9)),
            )
        )
    return draw(st.permutations(tasks))


# --- the order --------------------------------------------------------------------------------------------------------


@given(plans(), st.data())
def test_every_run_is_a_topological_order_and_every_task_ends_exactly_once(
    plan: list[Task], data: st.DataObject
) -> None:
    """Whatever completes or fails in whatever order: nobody starts early, nobody is forgotten, nobody ends twice."""
    graph = TaskGraph()
    ends: dict[str, str] = {}
    after = {entry.id: entry.after for entry in plan}
    policy = {entry.id: entry.on_failure for entry in plan}
    started: set[str] = set()
    running: list[str] = []

    def take(unlocked: Unlocked) -> None:
        for ended in unlocked.ended:
            assert ended.task_id not in ends
            assert ended.task_id not in started
            assert any(ends[name] != "completed" for name in after[ended.task_id] if name in ends)
            assert ended.status == ("skipped" if policy[ended.task_id] == "skip" else "failed")
            ends[ended.task_id] = ended.status
        for ready in unlocked.ready:
            assert ready.id not in started
            assert all(name in ends for name in ready.after)
            if ready.on_failure != "continue":
                assert all(ends[name] == "completed" for name in ready.after)
            started.add(ready.id)
            running.append(ready.id)

    take(graph.add(plan))
    while running:
        name = running.pop(data.draw(st.integers(0, len(running) - 1)))
        ends[name] = "completed" if data.draw(st.booleans()) else "failed"
        step = graph.complete if ends[name] == "completed" else graph.fail
        take(step(name, Result(name, ends[name])))  # type: ignore[arg-type]
        assert step(name, failed(name)) == Unlocked()  # a second end changes nothing
    assert set(ends) == set(after)
    assert graph.open == 0
    assert graph.unfinished() == ()


@given(plans(), st.data())
def test_held_tasks_do_the_same_once_released(plan: list[Task], data: st.DataObject) -> None:
    """In whatever order submissions are recorded, a held task neither starts nor ends before its own is."""
    graph = TaskGraph()
    assert graph.add(plan, held=True) == Unlocked()
    held = [entry.id for entry in plan]
    ends: set[str] = set()
    running: list[str] = []
    while held or running:
        if held and (not running or data.draw(st.booleans())):
            unlocked = graph.release(held.pop(data.draw(st.integers(0, len(held) - 1))))
        else:
            name = running.pop()
            ends.add(name)
            unlocked = data.draw(st.sampled_from([graph.complete, graph.fail]))(name, failed(name))
        for ended in unlocked.ended:
            assert ended.task_id not in held
            assert ended.task_id not in ends
            ends.add(ended.task_id)
        for ready in unlocked.ready:
            assert ready.id not in held
            assert ends.issuperset(ready.after)
            running.append(ready.id)
    assert ends == {entry.id for entry in plan}
    assert graph.release("0") == Unlocked()


@given(plans(max_size=20))
def test_urgency_is_the_critical_path(plan: list[Task]) -> None:
    """The urgency of a task is the longest path to an end, as the naive recursion finds it; ready tasks come by it."""
    graph = TaskGraph()
    ready = graph.add(plan).ready
    waits_for: dict[str, list[Task]] = {entry.id: [t for t in plan if entry.id in t.after] for entry in plan}

    def longest(entry: Task) -> float:
        return entry.estimate_s + max((longest(later) for later in waits_for[entry.id]), default=0.0)

    assert {entry.id: graph.urgency(entry.id) for entry in plan} == {entry.id: longest(entry) for entry in plan}
    urgencies = [graph.urgency(entry.id) for entry in ready]
    assert urgencies == sorted(urgencies, reverse=True)


def test_ready_tasks_come_most_urgent_first_and_equals_in_the_order_of_adding() -> None:
    """List scheduling by critical path; ties are stable, so that two runs agree."""
    graph = TaskGraph()
    graph.add([task("root"), task("a", "root"), task("b", "root", estimate_s=5), task("c", "root"), task("d", "c")])
    assert names(graph.complete("root", completed("root")))[0] == ["b", "c", "a"]


def test_a_chain_added_one_by_one_stays_cheap() -> None:
    """Adding one task raises the urgency of a bounded number before it, so 20,000 of them do not cost the square."""
    graph = TaskGraph()
    graph.add([task("0")])
    for n in range(1, 2 * MAX_RAISED):
        graph.add([task(str(n), str(n - 1))])
    before = [graph.urgency(str(n)) for n in range(2 * MAX_RAISED)]
    graph.add([task("last", str(2 * MAX_RAISED - 1))])
    raised = sum(graph.urgency(str(n)) != urgency for n, urgency in enumerate(before))
    assert raised == MAX_RAISED + 1  # the one it waits for, and so many before that
    assert before[-3:] == [3.0, 2.0, 1.0]


def test_what_has_ended_is_not_made_more_urgent() -> None:
    """Raising stops at tasks that have ended: a long history costs nothing."""
    graph = TaskGraph()
    graph.add([task("a"), task("b", "a")])
    graph.complete("a", completed("a"))
    graph.add([task("c", "b", estimate_s=100)])
    assert (graph.urgency("a"), graph.urgency("b")) == (0.0, 101.0)


# --- what is refused --------------------------------------------------------------------------------------------------


@given(plans(), st.data())
def test_a_cycle_is_refused_and_named(plan: list[Task], data: st.DataObject) -> None:
    """The error lists tasks of which each waits for another of the list; nothing was added."""
    by_name = {entry.id: entry for entry in plan}
    start = data.draw(st.sampled_from(sorted(by_name)))
    ancestors, queue = {start}, [start]
    while queue:
        for name in by_name[queue.pop()].after:
            if name not in ancestors:
                ancestors.add(name)
                queue.append(name)
    closing = data.draw(st.sampled_from(sorted(ancestors)))
    by_name[closing] = by_name[closing]._replace(after=(*by_name[closing].after, start))
    graph = TaskGraph()
    with pytest.raises(CycleError, match="tasks wait for each other") as caught:
        graph.add(by_name.values())
    cycle = caught.value.cycle
    for before, later in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
        assert later in by_name[before].after
    assert len(graph) == 0


def test_a_task_that_waits_for_itself_is_a_cycle() -> None:
    """The shortest cycle has one task."""
    with pytest.raises(CycleError, match="a -> a"):
        TaskGraph().add([task("a", "a")])


@pytest.mark.parametrize(
    ("tasks", "error", "message"),
    [
        ([task("new"), task("new")], DuplicateTaskError, "'new' is already in this run"),
        ([task("new"), task("load")], DuplicateTaskError, "'load'"),
        ([task("new"), task("x", "laod")], UnknownTaskError, "did you mean 'load'"),
        ([task("new"), task("x", "nwe")], UnknownTaskError, "did you mean 'new'"),
        ([task("new"), task("x", "zzzzz")], UnknownTaskError, "'zzzzz', which does not exist; add it first"),
        ([task("new"), task("x", "y"), task("y", "x")], CycleError, "->"),
    ],
)
def test_tasks_are_added_all_or_none(tasks: list[Task], error: type[Exception], message: str) -> None:
    """One bad task among good ones leaves the graph as it was, and the error says which and what was meant."""
    graph = TaskGraph()
    graph.add([task("load")])
    with pytest.raises(error, match=message):
        graph.add(tasks)
    assert "new" not in graph
    assert len(graph) == 1
    assert names(graph.add([task("new", "load")])) == ([], [])


# --- failure policies -------------------------------------------------------------------------------------------------


def test_failure_goes_down_the_graph_as_each_task_says() -> None:
    """`fail` fails, `skip` skips, `continue` starts; causes come before consequences and name what they waited for."""
    graph = TaskGraph()
    graph.add(
        [
            task("root"),
            task("fails", "root"),
            task("skips", "fails", on_failure="skip"),
            task("goes-on", "skips", on_failure="continue"),
            task("unhurt", "goes-on"),
        ]
    )
    unlocked = graph.fail("root", failed("root"))
    assert names(unlocked) == (["goes-on"], [("fails", "failed"), ("skips", "skipped")])
    assert unlocked.ended[1].error == "'fails', which it waited for, ended as failed"
    assert names(graph.complete("goes-on", completed("goes-on"))) == (["unhurt"], [])
    assert graph.statistics() == GraphStatistics(0, 1, {"failed": 2, "skipped": 1, "completed": 1})


def test_a_task_that_goes_on_still_waits_for_all_its_dependencies() -> None:
    """`continue` means without that output, not before the others."""
    graph = TaskGraph()
    graph.add([task("a"), task("b"), task("c", "a", "b", on_failure="continue")])
    assert names(graph.fail("a", failed("a"))) == ([], [])
    assert names(graph.complete("b", completed("b"))) == (["c"], [])
    assert {name: result.status for name, result in graph.results_for("c").items()} == {
        "a": "failed",
        "b": "completed",
    }


@pytest.mark.parametrize("held", [False, True])
def test_a_task_added_after_its_dependency_failed_ends_as_its_policy_says(*, held: bool) -> None:
    """Too late is no different: the new task fails, is skipped or starts, and so do those after it."""
    graph = TaskGraph()
    graph.add([task("a")])
    graph.fail("a", failed("a"))
    new = [task("f", "a"), task("s", "a", on_failure="skip"), task("c", "a", on_failure="continue"), task("g", "f")]
    unlocked = [graph.add(new, held=held)]
    if held:
        assert unlocked == [Unlocked()]
        unlocked = [graph.release(entry.id) for entry in new]
    assert [name for step in unlocked for name in names(step)[0]] == ["c"]
    ended = [end for step in unlocked for end in names(step)[1]]
    assert sorted(ended) == [("f", "failed"), ("g", "failed"), ("s", "skipped")]


# --- children ---------------------------------------------------------------------------------------------------------


def parent_with_heir(on_failure: OnFailure = "fail") -> TaskGraph:
    graph = TaskGraph()
    graph.add([task("p"), task("heir", "p", on_failure=on_failure), task("other")])
    return graph


def test_what_waits_for_the_parent_also_waits_for_its_children() -> None:
    """A child starts when its parent has completed, the heir when all children have; it sees their results."""
    graph = parent_with_heir()
    children = graph.add_children("p", [task("p/1"), task("p/2", "p/1")])
    assert [child.after for child in children] == [("p",), ("p/1", "p")]
    for child in children:
        assert graph.release(child.id) == Unlocked()
    assert names(graph.complete("p", completed("p"))) == (["p/1"], [])
    assert names(graph.complete("p/1", completed("p/1"))) == (["p/2"], [])
    assert names(graph.complete("p/2", completed("p/2"))) == (["heir"], [])
    assert list(graph.results_for("heir")) == ["p", "p/1", "p/2"]


def test_children_may_have_children() -> None:
    """The heirs of a child are those of its parent."""
    graph = parent_with_heir()
    graph.add_children("p", [task("c")])
    graph.release("c")
    graph.complete("p", completed("p"))
    graph.add_children("c", [task("g")])
    graph.release("g")
    assert names(graph.complete("c", completed("c"))) == (["g"], [])
    assert names(graph.complete("g", completed("g"))) == (["heir"], [])


def test_a_child_that_fails_dooms_the_heirs_as_their_policy_says() -> None:
    """A child counts like any dependency."""
    graph = parent_with_heir("skip")
    graph.add_children("p", [task("c")])
    graph.release("c")
    graph.complete("p", completed("p"))
    assert names(graph.fail("c", failed("c"))) == ([], [("heir", "skipped")])


def test_a_child_may_wait_for_any_task_but_its_heirs() -> None:
    """Waiting for an heir, or for what waits for one, is a cycle; all others are fine, also those that have failed."""
    graph = parent_with_heir()
    graph.add([task("later", "heir")])
    for name in ("heir", "later"):
        with pytest.raises(CycleError):
            graph.add_children("p", [task("c"), task("bad", name)])
    assert "c" not in graph
    graph.fail("other", failed("other"))
    graph.add_children("p", [task("c", "other")])
    assert names(graph.release("c")) == ([], [("c", "failed"), ("heir", "failed"), ("later", "failed")])
    assert names(graph.complete("p", completed("p"))) == ([], [])
    assert graph.open == 0


def test_children_are_refused_as_a_whole() -> None:
    """A taken name adds no child and changes no heir."""
    graph = parent_with_heir()
    with pytest.raises(DuplicateTaskError):
        graph.add_children("p", [task("c"), task("other")])
    assert names(graph.complete("p", completed("p"))) == (["heir"], [])


def test_an_heir_that_has_ended_gets_no_further_dependencies() -> None:
    """It failed with another dependency before: nothing revives it."""
    graph = parent_with_heir()
    graph.add([task("x", "p", "other")])
    graph.fail("other", failed("other"))
    graph.add_children("p", [task("c")])
    graph.release("c")
    graph.complete("p", completed("p"))
    assert names(graph.complete("c", completed("c"))) == (["heir"], [])


@given(st.integers(0, 10_000))
def test_random_families_end_exactly_once(seed: int) -> None:
    """With children added at random by running tasks, and failures at random, every task ends exactly once."""
    rng = random.Random(seed)
    graph = TaskGraph()
    ended: list[str] = []
    running: list[str] = []
    count = 0

    def take(unlocked: Unlocked) -> None:
        ended.extend(result.task_id for result in unlocked.ended)
        running.extend(ready.id for ready in unlocked.ready)

    def some(prefix: str) -> list[Task]:
        nonlocal count
        made: list[Task] = []
        for _ in range(rng.randint(1, 3)):
            count += 1
            known = [*(t.id for t in made), *(f"t{n}" for n in range(1, count) if f"t{n}" in graph)]
            after = rng.sample(known, min(len(known), rng.randint(0, 2)))
            made.append(task(f"t{count}", *after, on_failure=rng.choice(POLICIES)))
        return made

    for _ in range(3):
        take(graph.add(some("")))
    while running:
        name = running.pop(rng.randrange(len(running)))
        children: tuple[Task, ...] = ()
        if rng.random() < 0.3 and count < 40:
            try:
                children = graph.add_children(name, some(name))
            except CycleError:
                children = ()
        for child in children:
            take(graph.release(child.id))
        ended.append(name)
        take((graph.fail if rng.random() < 0.3 else graph.complete)(name, completed(name)))
    assert len(ended) == len(set(ended)) == len(graph)
    assert graph.open == 0


# --- looking ----------------------------------------------------------------------------------------------------------


def test_the_graph_says_how_far_things_are() -> None:
    """Counts, results and the unfinished in the order of adding; whoever asked is told of each end."""
    ends: list[int] = []
    graph = TaskGraph(on_end=lambda: ends.append(graph.open))
    graph.add([task("a"), task("b", "a"), task("c")])
    assert graph.statistics() == GraphStatistics(1, 2, {})
    graph.fail("a", failed("a"))
    assert graph.result("a") == failed("a")
    assert graph.result("c") is None
    assert graph.task("b").after == ("a",)
    assert graph.unfinished() == ("c",)
    assert (len(graph), graph.open, ends) == (3, 1, [2, 1])
