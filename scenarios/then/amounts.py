"""What may be expected of amounts: time, and what budgets count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

from pydantic import model_validator

from orchestrator.budget import RESOURCES, Budget, Resource, worded
from orchestrator.messages import Envelope
from orchestrator.recount import Recount
from orchestrator.topics import BUDGET_SPENT, ENDINGS, TASK_ASKED, TASK_RETRIED, TASK_STARTED, TASK_SUBMITTED
from scenarios.entry import Seconds
from scenarios.evidence import Evidence
from scenarios.expectation import Check, Expectation
from scenarios.history import NEVER, History

_BOOKED: Final = frozenset({TASK_STARTED, TASK_RETRIED, TASK_ASKED, BUDGET_SPENT, *ENDINGS})


class Latency(Expectation):
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

    def check(self, evidence: Evidence) -> Check:
        """Look at when it ended."""
        history = evidence.history
        if self.task and history.tasks[self.task].ended == NEVER:
            return False, "it did not end"
        seconds = history.tasks[self.task].seconds if self.task else history.seconds
        at_least, at_most = self.at_least_s, self.at_most_s
        holds = (at_least is None or seconds >= at_least) and (at_most is None or seconds <= at_most)
        return holds, f"it took {seconds:g} s of virtual time"


class Cost(Expectation):
    """The run used so much of what budgets count; or the task with all below it did, or the agent, if one is named."""

    type: Literal["cost", "not-cost"]
    task: str = ""
    agent: str = ""
    at_most: Budget | None = None
    at_least: Budget | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> Cost:
        if not any(bound is not None and bound.limits for bound in (self.at_most, self.at_least)):
            example = "at_most: {tokens: 1000}"
            raise ValueError(f"it bounds nothing; state at_most or at_least with {', '.join(RESOURCES)}: {example}")
        return self

    def check(self, evidence: Evidence) -> Check:
        """Count from the journal what was used."""
        spent = _spent(list(self._rows(evidence.history)))
        least = self.at_least.limits if self.at_least else {}
        most = self.at_most.limits if self.at_most else {}
        holds = all(spent[name] >= number for name, number in least.items()) and all(
            spent[name] <= number for name, number in most.items()
        )
        told = (f"{worded(name, spent[name])} {name}" for name in RESOURCES if name in {*least, *most})
        return holds, f"it used {', '.join(told)}"

    def _rows(self, history: History) -> Iterator[Envelope]:
        family = _family(self.task, history) if self.task else None
        for row in history.rows:
            below = family is None or row.correlation_id in family
            if row.topic in _BOOKED and below and self.agent in ("", row.body.get("agent")):
                yield row


def _spent(rows: list[Envelope]) -> dict[Resource, Any]:
    counted = Recount()
    for row in rows:
        counted.take(row)
    counted.end()
    return dict(counted.ledger.run.spent(rows[-1].at if rows else 0.0))


def _family(task: str, history: History) -> set[str]:
    """Return a task and all that were added below it; a task is submitted after the one that added it."""
    family = {task}
    for row in history.rows:
        if row.topic == TASK_SUBMITTED and row.body["task"].get("parent", "") in family:
            family.add(row.correlation_id)
    return family
