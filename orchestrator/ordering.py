"""The order of tasks: each after those that it waits for, or the cycle that forbids it."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Mapping, Sequence

from orchestrator.errors import CycleError
from orchestrator.messages import Task


def _is_ordered(tasks: Iterable[Task], among: Mapping[str, Task]) -> bool:
    """Whether every task already stands after those of them that it waits for: the common case, without a sort."""
    seen: set[str] = set()
    for task in tasks:
        for name in task.after:
            if name in among and name not in seen:
                return False
        seen.add(task.id)
    return True


def topological_order(tasks: tuple[Task, ...]) -> list[Task]:
    """Return the tasks with each after those of them that it waits for, otherwise in the given order.

    Raises:
        CycleError: if there is no such order.
    """
    by_name = {task.id: task for task in tasks}
    if _is_ordered(tasks, by_name):
        return list(tasks)
    try:
        waits = {task.id: [name for name in task.after if name in by_name] for task in tasks}
        return [by_name[name] for name in graphlib.TopologicalSorter(waits).static_order()]
    except graphlib.CycleError:
        raise CycleError(find_cycle(tasks)) from None


def find_cycle(tasks: Sequence[Task]) -> tuple[str, ...]:
    """Return the ids along one cycle, each waiting for the next, from the first in the order of the tasks; or none."""
    try:
        graphlib.TopologicalSorter({task.id: task.after for task in tasks}).prepare()
    except graphlib.CycleError as error:
        cycle = list(reversed(error.args[1][1:]))  # graphlib: each precedes the next, the first repeated at the end
        order = {task.id: index for index, task in enumerate(tasks)}
        start = cycle.index(min(cycle, key=lambda task_id: order[task_id]))
        return tuple(cycle[start:] + cycle[:start])
    return ()
