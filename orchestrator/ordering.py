"""The order of tasks: each after those that it waits for, or the cycle that forbids it."""

from __future__ import annotations

import difflib
import graphlib
from collections.abc import Collection, Sequence
from typing import Final

from orchestrator.errors import CycleError, UnknownTaskError
from orchestrator.messages import Task

#: So many names are compared for a suggestion, at most.
_COMPARED: Final = 1000


def topological_order(tasks: tuple[Task, ...]) -> list[Task]:
    """Return the tasks with each after those of them that it waits for.

    Raises:
        CycleError: if there is no such order.
    """
    by_name = {task.id: task for task in tasks}
    try:
        waits = {task.id: [name for name in task.after if name in by_name] for task in tasks}
        return [by_name[name] for name in graphlib.TopologicalSorter(waits).static_order()]
    except graphlib.CycleError:
        raise CycleError(find_cycle(tasks)) from None


def refuse_unknown(tasks: Sequence[Task], known: Collection[str]) -> None:
    """Refuse the first task that waits for one that does not exist.

    Raises:
        UnknownTaskError: if there is one; suggests the nearest name.
    """
    for task in tasks:
        for name in task.after:
            if name not in known:
                near = difflib.get_close_matches(name, sorted(known)[:_COMPARED], n=1)
                raise UnknownTaskError(task.id, name, f"did you mean {near[0]!r}?" if near else "add it first")


def find_cycle(tasks: Sequence[Task]) -> tuple[str, ...]:
    """Return the ids along one cycle, each waiting for the next, from the first in the order of the tasks; or none."""
    if _each_follows(tasks):
        return ()
    try:
        graphlib.TopologicalSorter({task.id: task.after for task in tasks}).prepare()
    except graphlib.CycleError as error:
        cycle = list(reversed(error.args[1][1:]))  # graphlib: each precedes the next, the first repeated at the end
        order = {task.id: index for index, task in enumerate(tasks)}
        start = cycle.index(min(cycle, key=lambda task_id: order[task_id]))
        return tuple(cycle[start:] + cycle[:start])
    return ()


def _each_follows(tasks: Sequence[Task]) -> bool:
    """Return whether each stands after all that it waits for, as in most plans: then there is no cycle to look for."""
    earlier: set[str] = set()
    for task in tasks:
        if not earlier.issuperset(task.after):
            return False
        earlier.add(task.id)
    return True
