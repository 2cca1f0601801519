"""What may be expected of the rows of the journal, which is all that was published."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

from pydantic import Field, field_validator, model_validator

from orchestrator.errors import TopicError
from orchestrator.messages import Envelope
from orchestrator.topics import compile_pattern
from scenarios.conditions import Where, all_fit, canonical
from scenarios.entry import Entry
from scenarios.evidence import Evidence
from scenarios.expectation import Check, Expectation

_SHOWN = 300


class RowFilter(Entry):
    """Some of the rows: by topic, task and what the body holds."""

    topic: str = Field(description="a pattern, such as task.*")
    task: str = Field(default="", description="only those about this task")
    where: Where

    @field_validator("topic")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        try:
            compile_pattern(pattern)
        except TopicError as error:
            raise ValueError(str(error)) from None
        return pattern

    def passes(self, row: Envelope) -> bool:
        """Say whether a row is one of them."""
        return (
            _matcher(self.topic)(row.topic) and self.task in ("", row.correlation_id) and all_fit(self.where, row.body)
        )

    def found(self, evidence: Evidence) -> list[Envelope]:
        """Return them."""
        return [row for row in evidence.history.rows if self.passes(row)]


class Published(Expectation, RowFilter):
    """There is such a row."""

    type: Literal["published", "not-published"]

    def check(self, evidence: Evidence) -> Check:
        """Look for one; where there is none, show the first of this topic and task."""
        found = self.found(evidence)
        return bool(found), _shown(found or self.model_copy(update={"where": {}}).found(evidence))


class Never(Expectation, RowFilter):
    """There is no such row."""

    type: Literal["never", "not-never"]

    def check(self, evidence: Evidence) -> Check:
        """Look for one."""
        found = self.found(evidence)
        return not found, _shown(found)


class Count(Expectation, RowFilter):
    """There are so many such rows."""

    type: Literal["count", "not-count"]
    equals: int | None = Field(default=None, ge=0)
    at_least: int | None = Field(default=None, ge=0)
    at_most: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _counts(self) -> Count:
        if self.equals is self.at_least is self.at_most is None:
            raise ValueError("it says no number; state equals, at_least or at_most")
        return self

    def check(self, evidence: Evidence) -> Check:
        """Count them."""
        count = len(self.found(evidence))
        holds = (
            self.equals in (None, count)
            and (self.at_least is None or count >= self.at_least)
            and (self.at_most is None or count <= self.at_most)
        )
        return holds, f"there were {count}"


@functools.lru_cache(maxsize=256)
def _matcher(pattern: str) -> Callable[[str], bool]:
    return compile_pattern(pattern)


def _shown(rows: list[Envelope]) -> str:
    if not rows:
        return "there was none"
    first = f"{rows[0].topic} of {rows[0].correlation_id or 'the run'}: {canonical(rows[0].body)[:_SHOWN]}"
    return f"there was {first}" + (f", and {len(rows) - 1} more" if rows[1:] else "")
