"""What may be expected of values: the output of a task, and the state that a plugin shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, field_validator

from orchestrator.errors import AgentError
from orchestrator.plan import at_pointer
from scenarios.conditions import ValueIs, canonical, check_pointer
from scenarios.evidence import Evidence
from scenarios.expectation import Check, Expectation

_SHOWN = 500


class _Part(Expectation, ValueIs):
    """A part of a value is as described."""

    pointer: str = Field(default="", description="JSON pointer to the part; empty for all of it")

    @field_validator("pointer")
    @classmethod
    def _is_pointer(cls, pointer: str) -> str:
        return check_pointer(pointer)

    def _look(self, value: Any) -> Check:
        try:
            part = at_pointer(value, self.pointer)
        except AgentError as error:
            return False, str(error)
        return self.fits(part), f"it is {canonical(part)[:_SHOWN]}"


class ResultIs(_Part):
    """The output of a completed task, or the part that a JSON Pointer leads to, is as described."""

    type: Literal["result", "not-result"]
    task: str

    def check(self, evidence: Evidence) -> Check:
        """Look at the output."""
        task = evidence.history.tasks[self.task]
        if task.status != "completed":
            return False, f"it has no output: {task.fate}"
        return self._look(task.body["output"])


class StateIs(_Part):
    """The state that a provider shows after the run, or the part that a JSON Pointer leads to, is as described."""

    type: Literal["state", "not-state"]
    of: str = Field(min_length=1, description="name of the provider")

    @property
    def reads(self) -> Sequence[str]:
        """The provider."""
        return [self.of]

    def check(self, evidence: Evidence) -> Check:
        """Look at what the provider showed."""
        return self._look(evidence.states[self.of])
