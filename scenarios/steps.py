"""Steps: the entries of `when`, checked one after the other, each against those before it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from orchestrator.documents import Document
from orchestrator.messages import Task
from orchestrator.places import Loc
from orchestrator.plan import find_faults, load_plan
from scenarios.beside import FilesBeside
from scenarios.mentions import Mentions
from scenarios.when import Step, StepEntry


class Steps:
    """Turns the entries of `when` into steps, checking that every task fits those before it."""

    def __init__(
        self, document: Document, entries: Sequence[StepEntry], files: FilesBeside, mentions: Mentions
    ) -> None:
        self._document, self._entries, self._files, self._mentions = document, entries, files, mentions
        self._seen: set[str] = set()

    def __iter__(self) -> Iterator[Step]:
        for index, entry in enumerate(self._entries):
            loc: Loc = ("when", index)
            if entry.after is not None and entry.after.task:
                self._mentions.check_task(entry.after.task, (*loc, "after", "task"), self._seen | self._mentions.added)
            tasks = self._tasks(entry, loc)
            self._check_agents(tasks, loc)
            self._seen.update(task.id for task in tasks)
            yield Step(tasks, entry.wait_s or 0.0, entry.after)

    def _tasks(self, step: StepEntry, loc: Loc) -> tuple[Task, ...]:
        if step.submit is not None:
            at = (*loc, "submit")
            task = step.submit.to_task(step.submit.id, self._document, at)
            return self._checked((task,), {task.id: at}, self._seen)
        if step.plan is not None:
            at = (*loc, "plan")
            tasks = load_plan(self._files.find(step.plan, at)).tasks
            return self._checked(tasks, dict.fromkeys((task.id for task in tasks), at))
        at = (*loc, "tasks")
        entries = step.tasks or {}
        tasks = tuple(entry.to_task(name, self._document, (*at, name)) for name, entry in entries.items())
        return self._checked(tasks, {name: (*at, name) for name in entries})

    def _checked(
        self, tasks: tuple[Task, ...], places: dict[str, Loc], known: Collection[str] = ()
    ) -> tuple[Task, ...]:
        for task in tasks:
            if task.id in self._seen:
                problem = f"task id {task.id!r} is used in an earlier step"
                raise self._document.error((*places[task.id], "id"), problem, "choose another", key=True)
        for fault in find_faults(tasks, known):
            raise self._document.error((*places[fault.task], *fault.loc), str(fault.error))
        return tasks

    def _check_agents(self, tasks: tuple[Task, ...], loc: Loc) -> None:
        for task in tasks:
            if task.agent:
                self._mentions.check_agent(task.agent, _place_of_agent(self._document, loc, task.id))


def _place_of_agent(document: Document, loc: Loc, task_id: str) -> Loc:
    candidates: tuple[Loc, ...] = ((*loc, "submit", "agent"), (*loc, "tasks", task_id, "agent"), (*loc, "plan"))
    return next(place for place in candidates if place in document.places)
