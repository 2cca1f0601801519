"""When: the steps of a scenario: submit, let time pass, wait for what an agent does."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field, model_validator

from orchestrator.messages import Task
from orchestrator.plan import TaskEntry
from scenarios.entry import Entry, Seconds
from scenarios.then.rows import RowFilter


class SubmitEntry(TaskEntry):
    """A task to submit."""

    id: str


class After(RowFilter):
    """The step begins once there is such a row, or so many of them; `wait_s` seconds later, if that is given."""

    times: int = Field(default=1, ge=1, le=100_000, description="how many rows there must be")
    wait_s: Seconds = Field(default=0.0, description="seconds from the row to the step")
    within_s: Seconds = Field(default=3600.0, description="seconds in which there must be one, from the step before")


class StepEntry(Entry):
    """One step: submit a task, submit the tasks of a plan (from a file, or stated here), or let time pass."""

    after: After | None = None
    submit: SubmitEntry | None = None
    plan: str | None = Field(default=None, min_length=1)
    tasks: dict[str, TaskEntry] | None = Field(default=None, min_length=1)
    wait_s: Seconds | None = None

    @model_validator(mode="after")
    def _is_one_step(self) -> StepEntry:
        stated = self.model_fields_set
        empty = any(getattr(self, name) is None for name in stated)
        if empty or (len(stated - {"after"}) != 1 and stated != {"after"}):
            what = "a step holds exactly one of submit, plan, tasks, wait_s (and perhaps after)"
            raise ValueError(f"{what}; make another step of the rest")
        return self


@dataclass(frozen=True, slots=True)
class Step:
    """Submit some tasks at once, after what it waits for, or after `wait_s` seconds."""

    tasks: tuple[Task, ...] = ()
    wait_s: float = 0.0
    after: After | None = None
