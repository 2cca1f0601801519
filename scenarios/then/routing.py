"""What may be expected of routing decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from scenarios.conditions import NumberIs
from scenarios.evidence import Evidence
from scenarios.expectation import Check, Expectation

AbstentionReason = Literal["below-threshold", "near-tie", "no-candidates", "all-vetoed"]


class Routed(Expectation):
    """The router (or whoever submitted the task) gave the task to this agent, so clearly where bounds are given."""

    type: Literal["routed", "not-routed"]
    task: str
    to: str
    margin: NumberIs | None = Field(default=None, description="score of the leader less that of the runner-up")
    confidence: NumberIs | None = Field(default=None, description="calibrated, from 0 to 1")
    abstained: bool | None = Field(default=None, description="whether it is the fallback's, or a person's choice")

    def check(self, evidence: Evidence) -> Check:
        """Look at the last decision about the task."""
        task = evidence.history.tasks[self.task]
        decision = task.decision
        abstained = bool(decision.get("abstained") or task.left_to_people)
        holds = (
            decision.get("chosen") == self.to
            and self.abstained in (None, abstained)
            and _within(self.margin, decision.get("margin"))
            and _within(self.confidence, decision.get("confidence"))
        )
        return holds, decided(decision)


class Abstained(Expectation):
    """The router chose nobody for the task, for this reason where one is given."""

    type: Literal["abstained", "not-abstained"]
    task: str
    reason: AbstentionReason | None = None

    def check(self, evidence: Evidence) -> Check:
        """Look at the last decision about the task, or at the one that people were asked about."""
        task = evidence.history.tasks[self.task]
        decision = task.left_to_people or task.decision
        reason = decision.get("abstained")
        return reason is not None and self.reason in (None, reason), decided(decision)


def decided(decision: Mapping[str, Any]) -> str:
    """Return a routing decision in words."""
    if not decision:
        return "nobody was asked who gets it"
    if decision["policy"] == "pinned":
        return f"it was pinned to {decision['chosen']}"
    if decision["policy"] == "answered":
        return f"a person said that it goes to {decision['chosen']}"
    if decision["policy"] == "replaced":
        return f"the fork was told that it goes to {decision['chosen']}"
    sure = f"confidence {decision['confidence']}, threshold {decision['threshold']}"
    sure += f", margin {decision['margin']}" if decision.get("margin") is not None else ""
    best = f"{decision['leader'] or 'nobody'} before {decision['runner_up'] or 'nobody'}"
    if decision["abstained"] is None:
        return f"it went to {decision['chosen']} ({best}, {sure})"
    fallback = f", so it went to {decision['chosen']}" if decision["chosen"] else ""
    return f"the router abstained ({decision['abstained']}: {best}, {sure}){fallback}"


def _within(bounds: NumberIs | None, number: float | None) -> bool:
    return bounds is None or (number is not None and bounds.hold(number))
