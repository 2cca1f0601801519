"""What may be expected of how a task went: its end, its attempts, its questions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from scenarios.evidence import Evidence
from scenarios.expectation import NOT, Check, Expectation
from scenarios.history import NEVER


class Completed(Expectation):
    """The task completed, by this agent and after so many attempts where they are given."""

    type: Literal["completed", "not-completed"]
    task: str
    agent: str = ""
    attempts: int | None = Field(default=None, ge=0)

    def check(self, evidence: Evidence) -> Check:
        """Look at how it ended."""
        task = evidence.history.tasks[self.task]
        holds = (
            task.status == "completed"
            and self.agent in ("", task.body["agent"])
            and self.attempts in (None, task.body["attempts"])
        )
        return holds, f"it {task.fate}" if task.ended != NEVER else "it is unfinished"


class Ended(Expectation):
    """The task ended without an output."""

    type: Literal["failed", "not-failed", "dead-lettered", "not-dead-lettered", "skipped", "not-skipped"]
    task: str
    error_contains: str = ""
    attempts: int | None = Field(default=None, ge=0)

    def check(self, evidence: Evidence) -> Check:
        """Look at how it ended."""
        task = evidence.history.tasks[self.task]
        holds = (
            task.status == self.type.removeprefix(NOT).replace("-", "_")
            and self.error_contains in task.body.get("error", "")
            and self.attempts in (None, task.body.get("attempts", 0))
        )
        return holds, task.fate


class Asked(Expectation):
    """The task asked people; a question that contains this, and got this answer, where they are given."""

    type: Literal["asked", "not-asked"]
    task: str
    question_contains: str = ""
    answer: str | None = None

    def check(self, evidence: Evidence) -> Check:
        """Look at its questions and their answers."""
        asked = evidence.history.tasks[self.task].asked
        holds = any(self.question_contains in question and self.answer in (None, answer) for question, answer in asked)
        told = (f"{question!r}, answered {answer!r}" if answer else f"{question!r}" for question, answer in asked)
        return holds, f"it asked {'; '.join(told)}" if asked else "it asked nothing"
