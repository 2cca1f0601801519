"""Then: what a scenario may expect. Each type has a `not-` form, which holds exactly when the plain one does not."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from orchestrator.errors import TopicError
from orchestrator.topics import compile_pattern
from scenarios.entry import Entry, Seconds, Texts

AbstentionReason = Literal["below-threshold", "near-tie", "no-candidates", "all-vetoed"]
OrderMode = Literal["exact", "in_order", "any_order", "contains", "before", "parallel"]


class Routed(Entry):
    """The router (or whoever submitted the task) gave the task to this agent."""

    type: Literal["routed", "not-routed"]
    task: str
    to: str


class Abstained(Entry):
    """The router chose nobody for the task, for this reason where one is given."""

    type: Literal["abstained", "not-abstained"]
    task: str
    reason: AbstentionReason | None = None


class Completed(Entry):
    """The task completed, by this agent and after so many attempts where they are given."""

    type: Literal["completed", "not-completed"]
    task: str
    agent: str = ""
    attempts: int | None = Field(default=None, ge=0)


class Ended(Entry):
    """The task ended without an output."""

    type: Literal["failed", "not-failed", "dead-lettered", "not-dead-lettered", "skipped", "not-skipped"]
    task: str
    error_contains: str = ""
    attempts: int | None = Field(default=None, ge=0)


class Asked(Entry):
    """The task asked people; a question that contains this, and got this answer, where they are given."""

    type: Literal["asked", "not-asked"]
    task: str
    question_contains: str = ""
    answer: str | None = None


class Order(Entry):
    """Tasks began (or ended) in this order.

    Modes: `exact`: these and no others, in this order. `in_order`: in this order, others between them. `any_order`:
    these and no others. `contains`: all of these. `before`: each had ended before the next began. `parallel`: at one
    moment all were running.
    """

    type: Literal["order", "not-order"]
    mode: OrderMode
    tasks: Texts = Field(min_length=1)
    of: Literal["begins", "ends"] = "begins"

    @model_validator(mode="after")
    def _has_two(self) -> Order:
        if self.mode in ("before", "parallel") and len(self.tasks) == 1:
            raise ValueError(f"mode {self.mode} compares tasks; name two at least")
        return self


class ResultIs(Entry):
    """The output of a completed task, or the part that a JSON Pointer leads to, is as described."""

    type: Literal["result", "not-result"]
    task: str
    pointer: str = ""
    equals: Any = None
    contains: Any = None
    matches: str | None = None

    @field_validator("pointer")
    @classmethod
    def _is_pointer(cls, pointer: str) -> str:
        if pointer and not pointer.startswith("/"):
            raise ValueError(f"{pointer!r} is no JSON pointer; write '/{pointer}'")
        return pointer

    @field_validator("matches")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression ({error}); correct it") from None
        return pattern

    @model_validator(mode="after")
    def _has_one_condition(self) -> ResultIs:
        if len(self.model_fields_set & {"equals", "contains", "matches"}) != 1:
            raise ValueError("no condition or several; state exactly one of equals, contains, matches")
        return self


class Latency(Entry):
    """Virtual seconds from the submission of a task to its end; of the whole run, if no task is named."""

    type: Literal["latency", "not-latency"]
    task: str = ""
    at_most_s: Seconds | None = None
    at_least_s: Seconds | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> Latency:
        if self.at_most_s is None and self.at_least_s is None:
            raise ValueError("it bounds nothing; state at_most_s, at_least_s or both")
        return self


class Count(Entry):
    """So many envelopes have a topic that matches the pattern."""

    type: Literal["count", "not-count"]
    topic: str
    equals: int = Field(ge=0)

    @field_validator("topic")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        try:
            compile_pattern(pattern)
        except TopicError as error:
            raise ValueError(str(error)) from None
        return pattern


Expectation = Annotated[
    Routed | Abstained | Completed | Ended | Asked | Order | ResultIs | Latency | Count, Field(discriminator="type")
]
