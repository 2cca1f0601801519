"""RoutingDecision: the answer to "who gets this task", with everything needed to recompute it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from orchestrator.messages import EMPTY

if TYPE_CHECKING:  # importing the router would load NumPy, which a program that only defines agents does without
    from router import Abstained, Contribution, Prediction

RoutingPolicy = Literal["learned", "explored", "pinned", "fallback", "answered", "replaced"]


class RoutingDecision(NamedTuple):
    """One decision.

    Attributes:
        task_id: which task.
        chosen: the agent that gets it, or why nobody does.
        policy: `learned` (the router chose), `explored` (another agent than the router chose, to learn from it),
            `pinned` (the submitter did), `fallback` (the router abstained and the settings name who takes such tasks),
            `answered` (the router abstained and a person named who takes this one), `replaced` (the run is a fork that
            was told who takes it; what the router answered stands beside it).
        prediction: the router's answer; None for pinned and answered tasks, for which it was not asked.
        vetoes: agents that were not eligible, and why.
        attribution: words of the request and their exact share of the leader's score, in the order of the text.
        registry_digest: over the cards of all registered agents.
        propensity: probability with which this policy takes this choice; 1 without exploration.
        seed: of the run.
        trace_id, span_id: 32 and 16 hex digits (W3C trace context).
        input_digest: 16 hex digits of the SHA-256 of the request; the request itself is in `task.submitted`.
        shadow: what the model in the shadow would have done; None, and not on record, where there is none.
    """

    task_id: str
    chosen: str | Abstained
    policy: RoutingPolicy
    prediction: Prediction | None
    vetoes: Mapping[str, str] = EMPTY
    attribution: Sequence[Contribution] = ()
    registry_digest: str = ""
    propensity: float = 1.0
    seed: int = 0
    trace_id: str = ""
    span_id: str = ""
    input_digest: str = ""
    shadow: Mapping[str, Any] | None = None

    @property
    def abstained(self) -> bool:
        """Whether nobody was chosen."""
        return not isinstance(self.chosen, str)

    def to_json(self) -> dict[str, Any]:
        """Return the whole record as a JSON object: the prediction's fields and our own, side by side."""
        task, chosen, policy, prediction, vetoes, words, digest, propensity, seed, trace, span, text, shadow = self
        body: dict[str, Any] = {} if prediction is None else prediction.to_json()
        body["task"] = task
        body["chosen"] = chosen if isinstance(chosen, str) else None
        body["fallback"] = chosen if policy == "fallback" else None
        body["policy"] = policy
        body["vetoes"] = dict(vetoes)
        body["attribution"] = _pairs(words)
        body["registry_digest"] = digest
        body["propensity"] = propensity
        body["seed"] = seed
        body["trace_id"] = trace
        body["span_id"] = span
        body["input_digest"] = text
        if shadow is not None:
            body["shadow"] = shadow
        return body


def _pairs(words: Sequence[Contribution]) -> list[list[Any]]:
    """Return words and weights, rounded to 6 places; our routers' own columns say it without an object for each."""
    to_json: Callable[[], list[list[Any]]] | None = getattr(words, "to_json", None)
    return to_json() if to_json else [[word, round(weight * 1e6) / 1e6] for word, weight in words]


def digest_text(text: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
