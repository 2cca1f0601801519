"""The order of tasks: each after those that it waits for, or the cycle that forbids it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from orchestrator.documents import suggest
from orchestrator.errors import CycleError, UnknownTaskError
from orchestrator.messages import Task


def topological_order(tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks with each after those of them that it waits for (Kahn, 1962); those that wait least come first.

    Raises:
        CycleError: if there is no such order.
    """
    followers: dict[str, list[Task]] = {task.id: [] for task in tasks}
    waits: dict[str, int] = {}
    order = []
    for task in tasks:
        before = [followers[name] for name in task.after if name in followers]
        for others in before:
            others.append(task)
        waits[task.id] = len(before)
        if not before:
            order.append(task)
    for task in order:  # it grows
        for follower in followers[task.id]:
            waits[follower.id] -= 1
            if not waits[follower.id]:
                order.append(follower)
    if len(order) < len(tasks):
        raise CycleError(_cycle_among([task for task in tasks if waits[task.id]]))
    return order


def refuse_unknown(tasks: Sequence[Task], known: Collection[str]) -> None:
    """Refuse the first task that waits for one that does not exist.

    Raises:
        UnknownTaskError: if there is one; suggests the nearest name.
    """
    for task in tasks:
        for name in task.after:
            if name not in known:
                hint = suggest(name, known)
                raise UnknownTaskError(task.id, name, hint if hint.startswith("did you mean") else "add it first")


def find_cycle(tasks: Sequence[Task]) -> tuple[str, ...]:
    """Return the ids along one cycle, each waiting for the next, from the first in the order of the tasks; or none."""
    if _each_follows(tasks):
        return ()
    try:
        topological_order(tasks)
    except CycleError as error:
        return error.cycle
    return ()


def _each_follows(tasks: Sequence[Task]) -> bool:
    """Return whether each stands after all that it waits for, as in most plans: then there is no cycle to look for."""
    earlier: set[str] = set()
    for task in tasks:
        if not earlier.issuperset(task.after):
            return False
        earlier.add(task.id)
    return True


def _cycle_among(stuck: Sequence[Task]) -> tuple[str, ...]:
    """Return a cycle among tasks of which each waits for another of them: going on to that one must come back."""
    by_name = {task.id: task for task in stuck}
    seen: dict[str, int] = {}
    task = stuck[0]
    while task.id not in seen:
        seen[task.id] = len(seen)
        task = next(by_name[name] for name in task.after if name in by_name)
    cycle = tuple(seen)[seen[task.id] :]
    members = set(cycle)
    first = cycle.index(next(task.id for task in stuck if task.id in members))
    return cycle[first:] + cycle[:first]
