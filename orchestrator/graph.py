"""The task graph: which task waits for which, which are ready, and what an ending unlocks."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from orchestrator.critical_path import CriticalPath
from orchestrator.errors import CycleError, DuplicateTaskError
from orchestrator.messages import Result, Status, Task, inherited
from orchestrator.ordering import refuse_unknown, topological_order

State = Literal["waiting", "ready", "ended"]


@dataclass(slots=True)
class _Entry:
    task: Task
    waits: int
    state: State = "waiting"
    result: Result | None = None
    held: bool = False
    broken: Result | None = None  # what dooms a held task: it may not end before its submission is recorded


class Unlocked(NamedTuple):
    """What an ending led to.

    Attributes:
        ready: tasks that may start now, the most urgent first.
        ended: results of tasks that ended because one that they waited for did not complete, causes first.
    """

    ready: tuple[Task, ...] = ()
    ended: tuple[Result, ...] = ()


@dataclass(frozen=True, slots=True)
class GraphStatistics:
    """A snapshot: how many tasks are in which state."""

    waiting: int
    ready: int
    ended: Mapping[Status, int] = field(default_factory=dict)


_NOTHING: Final = Unlocked()
_new: Final = tuple.__new__  # what a named tuple does when it is called, without the Python in between


class TaskGraph:
    """Tasks and dependencies of one run, on a networkx DiGraph.

    A task is ready the moment its own dependencies have ended, whatever its siblings do. The urgency of a task is the
    length in seconds of the longest path from its start to an end of the graph: running the most urgent ready task
    first is list scheduling by critical path.

    Attributes:
        urgency: returns that of a task, given its id.
    """

    def __init__(self, on_end: Callable[[], None] | None = None) -> None:
        """Start empty; `on_end` is called whenever a task has ended."""
        from orchestrator.dependencies import Dependencies  # networkx costs more to import than the rest together

        self._graph = Dependencies()
        self._successors = self._graph.successors
        self._urgency = CriticalPath(self._graph)
        self.urgency = self._urgency.of
        self.on_end = on_end
        self._entries: dict[str, _Entry] = {}
        self._ended = 0
        self._broken = False  # whether any task has ended without completing

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def task(self, task_id: str) -> Task:
        """Return a task by its id."""
        return self._entries[task_id].task

    def result(self, task_id: str) -> Result | None:
        """Return the result of a task, None while it has not ended."""
        return self._entries[task_id].result

    def results(self) -> dict[str, Result]:
        """Return the results of all tasks that have ended, in the order of adding."""
        return {name: entry.result for name, entry in self._entries.items() if entry.result is not None}

    def results_for(self, task_id: str) -> dict[str, Result]:
        """Return the results of the tasks that this one waited for, those that agents added included."""
        entries = self._entries
        names = self._graph.predecessors(task_id)
        return {name: result for name in names if (result := entries[name].result) is not None}

    @property
    def open(self) -> int:
        """How many tasks have not ended."""
        return len(self._entries) - self._ended

    def unfinished(self) -> tuple[str, ...]:
        """Return the ids of the tasks that have not ended, in the order of adding."""
        return tuple(name for name, entry in self._entries.items() if entry.state != "ended")

    def awaited(self, task_id: str) -> list[str]:
        """Return the tasks that a task still waits for, those that agents added included."""
        return [name for name in self._graph.predecessors(task_id) if self._entries[name].state != "ended"]

    def add(self, tasks: Iterable[Task], *, held: bool = False) -> Unlocked:
        """Add tasks all at once or, where one of them is refused, not at all.

        Held tasks neither become ready nor end before `release`, which lets their submission be recorded first.

        They may wait for each other in any order, and for tasks added before. Where one of the latter has ended
        without completing, the task that waits for it ends at once, as its `on_failure` says.

        Raises:
            DuplicateTaskError: if an id is taken.
            UnknownTaskError: if a task waits for one that is neither here nor among the new ones.
            CycleError: if they wait for each other; names the cycle.
        """
        order = self._in_order(tuple(tasks))
        self._insert(order, held=held)
        self._urgency.add(order)
        return Unlocked() if held else self._settle_added(order)

    def add_children(self, parent: str, tasks: Sequence[Task]) -> tuple[Task, ...]:
        """Add what the agent of `parent` added: it waits for `parent`, and what waits for `parent` waits for it.

        Call this before `parent` ends. The tasks are held; they are returned as they were added.

        Raises:
            DuplicateTaskError, UnknownTaskError, CycleError: as `add`.
        """
        self._refuse_waiting_for_heirs(parent, tasks)
        heirs = [name for name in self._graph.successors(parent) if self._entries[name].state == "waiting"]
        after_parent = [task if parent in task.after else task._replace(after=(*task.after, parent)) for task in tasks]
        self.add(after_parent, held=True)
        for heir in heirs:
            for task in after_parent:
                self._graph.add_edge(task.id, heir)
                self._entries[heir].waits += 1
        for task in after_parent:
            self._urgency.raise_before(task.id)
        return tuple(after_parent)

    def release(self, task_id: str) -> Unlocked:
        """Let a held task become ready as soon as its dependencies have ended, or end where one of them broke."""
        entry = self._entries[task_id]
        if not entry.held:
            return _NOTHING
        entry.held = False
        entry.waits -= 1
        if entry.broken is not None:
            result = inherited(entry.task, entry.broken)
            unlocked = self.fail(task_id, result)
            return Unlocked(unlocked.ready, (result, *unlocked.ended))
        if entry.waits:
            return _NOTHING
        entry.state = "ready"
        return _new(Unlocked, ((entry.task,), ()))

    def complete(self, task_id: str, result: Result) -> Unlocked:
        """End a task that completed; return what may start now. A task that has ended already unlocks nothing."""
        entry = self._entries[task_id]
        if entry.state == "ended":
            return Unlocked()
        self._end(entry, result)
        entries = self._entries
        ready = []
        for name in self._successors(task_id):
            waiting = entries[name]
            waiting.waits -= 1
            if not waiting.waits and waiting.state == "waiting":
                waiting.state = "ready"
                ready.append(waiting)
        if len(ready) > 1:
            ready.sort(key=self._by_urgency)
        return _new(Unlocked, (tuple([entry.task for entry in ready]), ())) if ready else _NOTHING

    def fail(self, task_id: str, result: Result) -> Unlocked:
        """End a task that did not complete; end or unlock what waits for it as each one's `on_failure` says.

        `fail` ends the waiting task as failed, `skip` as skipped, and `continue` lets it start without that output.
        """
        entry = self._entries[task_id]
        if entry.state == "ended":
            return Unlocked()
        self._broken = True
        ready: list[_Entry] = []
        ended: list[Result] = []
        doomed = deque([(entry, result)])
        while doomed:
            entry, result = doomed.popleft()
            if entry.state == "ended":
                continue
            self._end(entry, result)
            if entry.task.id != task_id:
                ended.append(result)
            for name in self._graph.successors(entry.task.id):
                waiting = self._entries[name]
                waiting.waits -= 1
                if waiting.state != "waiting":
                    continue
                if waiting.task.on_failure != "continue":
                    if waiting.held:
                        waiting.broken = waiting.broken or result
                    else:
                        doomed.append((waiting, inherited(waiting.task, result)))
                elif not waiting.waits:
                    waiting.state = "ready"
                    ready.append(waiting)
        ready.sort(key=self._by_urgency)
        return Unlocked(tuple(entry.task for entry in ready), tuple(ended))

    def statistics(self) -> GraphStatistics:
        """Return the counts as of now."""
        states = Counter(entry.state for entry in self._entries.values())
        ends = Counter(entry.result.status for entry in self._entries.values() if entry.result is not None)
        return GraphStatistics(waiting=states["waiting"], ready=states["ready"], ended=dict(ends))

    def _in_order(self, tasks: tuple[Task, ...]) -> Sequence[Task]:
        """Return new tasks so that each stands after those that it waits for, usually as they are."""
        entries = self._entries
        names: set[str] = set()
        ordered = True
        for task in tasks:
            if task.id in names or task.id in entries:
                raise DuplicateTaskError(task.id)
            for name in task.after:
                if name not in names and name not in entries:
                    ordered = False  # it comes later, or never
            names.add(task.id)
        if not ordered:
            refuse_unknown(tasks, names | entries.keys())
            return topological_order(tasks)
        return tasks

    def _refuse_waiting_for_heirs(self, parent: str, tasks: Sequence[Task]) -> None:
        siblings = {task.id for task in tasks} | {parent}
        entries = self._entries  # what has ended waits for nobody: to look for all heirs costs the rest of the graph
        others = [
            (task.id, name)
            for task in tasks
            for name in task.after
            if name not in siblings and name in entries and entries[name].state != "ended"
        ]
        if not others:
            return
        heirs = self._graph.descendants(parent)
        for pair in others:
            if pair[1] in heirs:
                raise CycleError(pair)

    def _end(self, entry: _Entry, result: Result) -> None:
        entry.state, entry.result = "ended", result
        self._ended += 1
        self._urgency.end(entry.task.id)
        if self.on_end is not None:
            self.on_end()

    def _insert(self, tasks: Sequence[Task], *, held: bool) -> None:
        entries, add_task = self._entries, self._graph.add_task
        for task in tasks:
            waits = int(held)
            for name in add_task(task.id, task.after):
                waits += entries[name].state != "ended"
            broken = self._broken_dependency(task) if held and self._broken else None
            entries[task.id] = _Entry(task, waits, "waiting", None, held, broken)

    def _settle_added(self, tasks: Sequence[Task]) -> Unlocked:
        ready: list[_Entry] = []
        ended: list[Result] = []
        for task in tasks:
            entry = self._entries[task.id]
            broken = self._broken_dependency(task) if self._broken else None
            if entry.state == "waiting" and broken is not None:
                unlocked = self.fail(task.id, inherited(task, broken))
                result = entry.result
                ended += [*([result] if result else []), *unlocked.ended]
            elif entry.state == "waiting" and not entry.waits:
                entry.state = "ready"
                ready.append(entry)
        ready.sort(key=self._by_urgency)
        return Unlocked(tuple(entry.task for entry in ready), tuple(ended))

    def _by_urgency(self, entry: _Entry) -> float:
        return -self._urgency.of(entry.task.id)

    def _broken_dependency(self, task: Task) -> Result | None:
        if task.on_failure == "continue":
            return None
        results = (self._entries[name].result for name in task.after)
        return next((result for result in results if result is not None and not result.ok), None)
