"""Loader: scenario files in, concrete scenarios out; whatever does not fit is refused with its line and column."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from orchestrator import caps
from orchestrator.documents import Document, read_document, suggest, validate
from orchestrator.errors import DocumentError
from orchestrator.messages import Task
from orchestrator.places import Loc
from orchestrator.plan import find_faults, load_plan
from scenarios.entry import Entry
from scenarios.outline import ROW_TAGS, expand, in_row, is_outline
from scenarios.scenario import Scenario, ScenarioEntry, Step, StepEntry

SUFFIX: Final = ".scenario.yaml"


def load_scenarios(path: str | Path) -> list[Scenario]:
    """Return the scenarios of a file: one, or one for each row of its examples.

    Raises:
        DocumentError: if the file, or a plan that it names, is refused; with line and column.
    """
    path = Path(path)
    document = read_document(path, model=ScenarioEntry, caps=caps.SCENARIO)
    if not is_outline(document):
        return [_build(document, path, row=0)]
    return [_build_row(filled, path, row) for row, filled in enumerate(expand(document), 1)]


def _build_row(document: Document, path: Path, row: int) -> Scenario:
    try:
        return _build(document, path, row)
    except DocumentError as error:
        raise in_row(error, row) from None


def _build(document: Document, path: Path, row: int) -> Scenario:
    entry = validate(document, ScenarioEntry)
    files = _Files(document, path.parent.resolve())
    _check_given(document, entry)
    steps = tuple(_Steps(document, entry, files))
    known = _known_tasks(entry, steps)
    _check_people(document, entry, known)
    _check_mentions(document, entry, known, "faults", entry.faults)
    _check_mentions(document, entry, known, "then", entry.then)
    given = entry.given
    return Scenario(
        name=entry.scenario,
        path=path,
        row=row,
        tags=tuple(dict.fromkeys((*entry.tags, *_row_tags(document, entry)))),
        seed=entry.seed,
        given=given,
        when=steps,
        then=entry.then,
        workspace=files.find(given.workspace, ("given", "workspace"), folder=True) if given.workspace else None,
        history=files.find(given.git.history, ("given", "git", "history")) if given.git else None,
        description=entry.description,
        faults=entry.faults,
    )


class _Files:
    """The files that a scenario may name: those beside it or below."""

    def __init__(self, document: Document, folder: Path) -> None:
        self._document, self._folder = document, folder

    def find(self, name: str, loc: Loc, *, folder: bool = False) -> Path:
        kind = "folder" if folder else "file"
        try:
            path = (self._folder / name).resolve()
            found = path.is_dir() if folder else path.is_file()
        except (OSError, ValueError, RuntimeError) as error:  # a NUL, a name too long, a loop of links
            raise self._document.error(loc, f"{name!r} is no path: {error}", "correct it") from None
        if not path.is_relative_to(self._folder):
            hint = "copy what it needs beside the scenario"
            raise self._document.error(loc, f"{name!r} leads out of the scenario's folder", hint)
        if not found:
            raise self._document.error(loc, f"no {kind} {name!r} beside the scenario", "correct the path")
        return path


class _Steps:
    """Turns the entries of `when` into steps, checking that every task fits those before it."""

    def __init__(self, document: Document, entry: ScenarioEntry, files: _Files) -> None:
        self._document, self._entry, self._files = document, entry, files
        self._seen: set[str] = set()

    def __iter__(self) -> Iterator[Step]:
        for index, step in enumerate(self._entry.when):
            tasks = self._tasks(step, ("when", index))
            self._check_agents(tasks, ("when", index))
            self._seen.update(task.id for task in tasks)
            yield Step(tasks, step.wait_s or 0.0)

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
                _check_agent(self._document, self._entry, task.agent, _place_of_agent(self._document, loc, task.id))


def _place_of_agent(document: Document, loc: Loc, task_id: str) -> Loc:
    candidates: tuple[Loc, ...] = ((*loc, "submit", "agent"), (*loc, "tasks", task_id, "agent"), (*loc, "plan"))
    return next(place for place in candidates if place in document.places)


def _check_given(document: Document, entry: ScenarioEntry) -> None:
    given = entry.given
    if not given.agents and not given.scripted:
        raise document.error(("given",), "no agents are given", "add `agents: all`, some names, or `scripted:`")
    names = list(given.agents)
    for index, double in enumerate(given.scripted):
        for number, added in enumerate(double.behaviour.adds_tasks):
            place = ("given", "scripted", index, "behaviour", "adds_tasks", number)
            task = added.to_task(added.id or "added", document, place)
            if task.agent:
                _check_agent(document, entry, task.agent, (*place, "agent"))
        if double.agent in names:
            loc = ("given", "scripted", index, "agent")
            raise document.error(loc, f"agent {double.agent!r} is given twice", "choose another name")
        names.append(double.agent)
    for name in given.policy:
        _check_agent(document, entry, name, ("given", "policy", name), key=True)
    if given.fallback:
        _check_agent(document, entry, given.fallback, ("given", "fallback"))


def _check_agent(document: Document, entry: ScenarioEntry, name: str, loc: Loc, *, key: bool = False) -> None:
    known = [*entry.given.agents, *(double.agent for double in entry.given.scripted)]
    if not entry.given.all_agents and name not in known:
        raise document.error(loc, f"agent {name!r} is not among the given ones", suggest(name, known), key=key)


def _known_tasks(entry: ScenarioEntry, steps: tuple[Step, ...]) -> set[str]:
    added = [task.id for double in entry.given.scripted for task in double.behaviour.adds_tasks if task.id]
    return {*added, *(task.id for step in steps for task in step.tasks)}


def _check_people(document: Document, entry: ScenarioEntry, known: set[str]) -> None:
    for index, person in enumerate(entry.given.people):
        _check_task(document, known, person.task, ("given", "people", index, "task"))


def _check_task(document: Document, known: set[str], name: str, loc: Loc) -> None:
    if name not in known and not any(name.startswith(f"{parent}/") for parent in known):
        raise document.error(loc, f"no step submits a task {name!r}", suggest(name, known))


def _check_mentions(
    document: Document, entry: ScenarioEntry, known: set[str], part: str, entries: Sequence[Entry]
) -> None:
    """Refuse what expectations or faults say of a task or agent that is not there."""
    for index, one in enumerate(entries):
        stated = one.model_dump(include={"task", "tasks", "to", "agent"}, exclude_defaults=True)
        for loc, name in _names(stated, (part, index)):
            if loc[2] in ("to", "agent"):
                _check_agent(document, entry, name, loc)
            else:
                _check_task(document, known, name, loc)


def _names(stated: dict[str, Any], loc: Loc) -> Iterator[tuple[Loc, str]]:
    for key, value in stated.items():
        if isinstance(value, str):
            yield (*loc, key), value
        else:
            yield from (((*loc, key, index), name) for index, name in enumerate(value))


def _row_tags(document: Document, entry: ScenarioEntry) -> list[str]:
    tags = entry.examples[0].get(ROW_TAGS, []) if entry.examples else []
    tags = [tags] if isinstance(tags, str) else tags
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise document.error(("examples",), f"{ROW_TAGS!r} holds something else than text", "write `tags: [a, b]`")
    return tags
