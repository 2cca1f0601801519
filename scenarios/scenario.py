"""Scenario: given some agents, when these steps happen, then that is expected."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from orchestrator.messages import Task
from orchestrator.plan import TaskEntry
from scenarios.entry import Entry, Seconds, Texts
from scenarios.faults import AnyFault
from scenarios.given import Given
from scenarios.then import Expectation


class SubmitEntry(TaskEntry):
    """A task to submit."""

    id: str


class StepEntry(Entry):
    """One step: submit a task, submit the tasks of a plan (from a file, or stated here), or let time pass."""

    submit: SubmitEntry | None = None
    plan: str | None = Field(default=None, min_length=1)
    tasks: dict[str, TaskEntry] | None = Field(default=None, min_length=1)
    wait_s: Seconds | None = None

    @model_validator(mode="after")
    def _is_one_step(self) -> StepEntry:
        if len(self.model_fields_set) != 1 or None in (getattr(self, name) for name in self.model_fields_set):
            raise ValueError("a step holds exactly one of submit, plan, tasks, wait_s; make another step of the rest")
        return self


@dataclass(frozen=True, slots=True)
class Step:
    """Submit some tasks at once, after `wait_s` seconds."""

    tasks: tuple[Task, ...] = ()
    wait_s: float = 0.0


class ScenarioEntry(Entry):
    """A scenario file."""

    scenario: str = Field(min_length=1, max_length=200)
    description: str = ""
    tags: Texts = ()
    seed: int = 0
    given: Given
    when: tuple[StepEntry, ...] = Field(min_length=1)
    faults: tuple[AnyFault, ...] = ()
    then: tuple[Expectation, ...] = Field(min_length=1)
    examples: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One concrete scenario: of an outline, one row of its examples.

    Attributes:
        name: as the file states it, placeholders filled in.
        path: the file.
        row: number of the row of examples, from 1; 0 where there are none.
        tags: the file's and the row's.
        seed: for everything drawn at random.
        given: what is there before the first step.
        when: the steps.
        then: what is expected; never empty.
        workspace: folder to copy before the run; None for an empty one.
        history: file of a `git fast-import` stream for `given.git`; None where there is none.
        description: free text.
        faults: what goes wrong.
    """

    name: str
    path: Path
    row: int
    tags: tuple[str, ...]
    seed: int
    given: Given
    when: tuple[Step, ...]
    then: tuple[Expectation, ...]
    workspace: Path | None = None
    history: Path | None = None
    description: str = ""
    faults: tuple[AnyFault, ...] = ()

    @property
    def title(self) -> str:
        """Name, and the row where there is one."""
        return f"{self.name} [{self.row}]" if self.row else self.name
