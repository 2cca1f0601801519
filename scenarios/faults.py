"""Faults: what a scenario lets go wrong, at which calls of which agent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from scenarios.entry import Entry, Seconds


class Fault(Entry):
    """What all faults state: at which calls they strike. What is not given is not asked for; nothing given: all."""

    kind: str
    agent: str = Field(description="whose calls it strikes")
    task: str = Field(default="", description="only those about this task")
    attempt: int | None = Field(default=None, ge=1, description="only this attempt of a task")
    call: int | None = Field(default=None, ge=1, description="only this call of the agent, counted over the run")

    def strikes(self, agent: str, task: str, attempt: int, call: int) -> bool:
        """Say whether a call is one of those."""
        return (
            agent == self.agent
            and self.task in ("", task)
            and self.attempt in (None, attempt)
            and self.call in (None, call)
        )

    @property
    def words(self) -> str:
        """What it is, and at which calls, as the file states it."""
        stated: dict[str, Any] = self.model_dump(exclude={"kind", "agent"}, exclude_unset=True)
        return ", ".join([f"{self.kind} at {self.agent}", *(f"{name} {value}" for name, value in stated.items())])


class ErrorFault(Fault):
    """The call raises this error, and the agent never hears of it."""

    kind: Literal["error"]
    error: str = Field(default="the call failed", min_length=1)
    final: bool = Field(default=False, description="no further attempt may mend it")


class DelayFault(Fault):
    """The call reaches the agent so much later."""

    kind: Literal["delay"]
    wait_s: Seconds


class SlowFault(Fault):
    """The agent takes so many times as long as it would, and so many seconds more."""

    kind: Literal["slow"]
    factor: float = Field(default=1.0, ge=1, le=1_000_000)
    wait_s: Seconds = 0.0


class DropFault(Fault):
    """The agent does its work and its answer never arrives: the attempt ends by its timeout."""

    kind: Literal["drop"]


class DuplicateFault(Fault):
    """The call reaches the agent twice, one after the other; the first answer counts, what both did is done."""

    kind: Literal["duplicate"]


class ReorderFault(Fault):
    """The call reaches the agent after the next one to it has ended, or when it has waited so long for that."""

    kind: Literal["reorder"]
    wait_s: Seconds = Field(default=30.0, description="seconds that it waits at most")


class CrashFault(Fault):
    """The agent's process ends so long after the call began, or else just before it would answer: it has done all."""

    kind: Literal["crash"]
    after_s: Seconds | None = None


AnyFault = Annotated[
    ErrorFault | DelayFault | SlowFault | DropFault | DuplicateFault | ReorderFault | CrashFault,
    Field(discriminator="kind"),
]
