"""The answer for one decision: how it is on record, how it would have been, and what kind of change that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

Kind = Literal["same", "moved", "abstains", "routed", "reason", "fails", "unknown"]

#: What each kind of answer means.
MEANINGS: Final[Mapping[str, str]] = {
    "moved": "would go to another agent",
    "abstains": "would go to nobody",
    "routed": "would go to somebody",
    "fails": "would fail, pinned to an agent that is not there",
    "reason": "would go to nobody for another reason",
    "unknown": "cannot be told",
}


class Side(NamedTuple):
    """One side of an answer.

    Attributes:
        chosen: who gets the task; empty for nobody.
        policy: as in `RoutingDecision`; `refused` where the agent that somebody named is not there.
        abstained: why the router chose nobody; empty where it did, or was not asked.
        leader, runner_up: the two best; empty where there is none, or the router was not asked.
        margin: score of the leader minus that of the runner-up.
        confidence: calibrated probability that the leader is right; None where that is not known.
        threshold: least confidence to choose the leader; None where the router was not asked.
    """

    chosen: str
    policy: str
    abstained: str = ""
    leader: str = ""
    runner_up: str = ""
    margin: float = 0.0
    confidence: float | None = None
    threshold: float | None = None

    @classmethod
    def on_record(cls, decision: Mapping[str, Any]) -> Side:
        """Return what a record says."""
        chosen, policy = decision["chosen"] or "", decision["policy"]
        if "candidates" not in decision:
            return cls(chosen, policy)
        about = (decision["abstained"] or "", decision["leader"], decision["runner_up"], decision["margin"])
        return cls(chosen, policy, *about, decision["confidence"], decision["threshold"])

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object; numbers of which the record does not tell are null."""
        rounded = None if self.confidence is None else round(self.confidence, 6)
        threshold = None if self.threshold is None else round(self.threshold, 6)
        body = {**self._asdict(), "margin": round(self.margin, 6), "confidence": rounded, "threshold": threshold}
        return {**body, "chosen": self.chosen or None, "abstained": self.abstained or None}


@dataclass(frozen=True, slots=True)
class Answer:
    """What would have become of one decision.

    Attributes:
        task: which.
        sequence: number of the row with the decision.
        request: what was wanted.
        before: as it is on record.
        after: as it would have been; where that cannot be told, as far as it can.
        why_unknown: what the record does not say; empty where all that matters is known.
    """

    task: str
    sequence: int
    request: str
    before: Side
    after: Side
    why_unknown: str = ""

    @property
    def kind(self) -> Kind:
        """What changes."""
        before, after = self.before, self.after
        if self.why_unknown:
            return "unknown"
        if after.policy == "refused":
            return "fails"
        if before.chosen != after.chosen:
            if not after.chosen:
                return "abstains"
            return "moved" if before.chosen else "routed"
        return "same" if (before.abstained, before.policy) == (after.abstained, after.policy) else "reason"

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        body: dict[str, Any] = {"task": self.task, "sequence": self.sequence, "kind": self.kind}
        body |= {"request": self.request, "before": self.before.to_json(), "after": self.after.to_json()}
        return body | ({"why_unknown": self.why_unknown} if self.why_unknown else {})
