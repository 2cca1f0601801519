"""Choices: the routing decisions of a run, with all that is needed to take them again under another threshold."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from scenarios.html.blocks import pack
from scenarios.html.columns import Words, differences, millionths

#: Decisions of which the reasons are kept together, and candidates that are kept of each, the best.
PART: Final = 2048
MOST_CANDIDATES: Final = 8
_WORD: Final = 60
#: What a page needs to know of every decision; -1 where the record does not say it.
_COLUMNS: Final = (
    "task",
    "event",
    "chosen",
    "leader",
    "second",
    "sure",
    "other",
    "threshold",
    "margin",
    "policy",
    "reason",
)


class Choices:
    """Decisions in the order in which they were taken.

    Attributes:
        policies, reasons: what columns name by number.
        fingerprints: of the routers that decided, and how often.
        columns: numbers by name, lists of the same length; shares and scores in millionths.
    """

    def __init__(self, agents: Words) -> None:
        self.policies, self.reasons, self.words = Words(), Words(), Words()
        self.fingerprints: dict[str, int] = {}
        self.digests: dict[str, int] = {}
        self.columns = {name: array("l") for name in _COLUMNS}
        self._agents = agents
        self._waiting = _Reasons()
        self._parts: list[bytes] = []

    def __len__(self) -> int:
        return len(self.columns["task"])

    def take(self, decision: Mapping[str, Any], task: int, event: int) -> None:
        """Add a decision.

        Args:
            decision: the record.
            task: number of its task.
            event: number of its row.

        Raises:
            PointsmanError: if the record holds no numbers where they should be.
        """
        asked = "candidates" in decision
        values = (
            task,
            event,
            self._agent(decision.get("chosen")),
            self._agent(decision.get("leader")),
            self._agent(decision.get("runner_up")),
            millionths(decision.get("confidence")) if asked else -1,
            millionths(decision.get("runner_up_confidence", 0.0)) if asked else -1,
            millionths(decision.get("threshold")) if asked else -1,
            millionths(decision.get("margin")) if asked else -1,
            self.policies.place(str(decision.get("policy", "learned"))),
            self.reasons.place(str(decision["abstained"])) if decision.get("abstained") else -1,
        )
        for column, value in zip(self.columns.values(), values, strict=True):
            column.append(value)
        for counts, name in ((self.fingerprints, "fingerprint"), (self.digests, "registry_digest")):
            if decision.get(name):
                counts[str(decision[name])] = counts.get(str(decision[name]), 0) + 1
        if asked:
            self._reasons(decision)
        else:
            self._waiting.none()
        if len(self._waiting.more) == PART:
            self._flush()

    def to_block(self) -> bytes:
        """Return what is known of every decision, packed."""
        plain = {name: column.tolist() for name, column in self.columns.items()}
        plain |= {name: differences(plain[name]) for name in ("task", "event")}
        return pack(plain)

    def parts(self) -> list[bytes]:
        """Return candidates and words of the decisions, packed, `PART` decisions to a piece."""
        if self._waiting.more:
            self._flush()
        return self._parts

    def _flush(self) -> None:
        self._parts.append(pack(asdict(self._waiting)))
        self._waiting = _Reasons()

    def _agent(self, name: object) -> int:
        return self._agents.place(name) if isinstance(name, str) and name else -1

    def _reasons(self, decision: Mapping[str, Any]) -> None:
        """Add candidates, why some were not eligible, words, and the rest; scores in thousandths, to be drawn."""
        names, scores, why_not = _candidates(decision["candidates"])
        best = sorted(range(len(names)), key=scores.__getitem__, reverse=True)[:MOST_CANDIDATES]
        waiting, at = self._waiting, len(self._waiting.candidates)
        waiting.candidates.append(len(best))
        waiting.more.append(len(names) - len(best))
        waiting.agents += [self._agents.place(names[place]) for place in best]
        waiting.scores += differences(round(scores[place] * 1e3) for place in best)
        words = decision.get("attribution", ())
        waiting.words.append(len(words))
        waiting.named += [self.words.place(str(word)[:_WORD]) for word, _ in words]
        waiting.shares += [round(share * 1e3) for _, share in words]
        if why_not:
            waiting.refused[at] = {self._agents.place(name): why for name, why in why_not.items()}
        rest = {name: decision[name] for name in ("fallback", "budget", "shadow") if decision.get(name) is not None}
        if decision.get("propensity", 1) != 1:
            rest["propensity"] = decision["propensity"]
        if rest:
            waiting.rest[at] = rest


@dataclass(slots=True)
class _Reasons:
    """Reasons of some decisions in columns: how many of each there are, and then all of them."""

    candidates: list[int] = field(default_factory=list)
    more: list[int] = field(default_factory=list)
    agents: list[int] = field(default_factory=list)
    scores: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    named: list[int] = field(default_factory=list)
    shares: list[int] = field(default_factory=list)
    refused: dict[int, Any] = field(default_factory=dict)
    rest: dict[int, Any] = field(default_factory=dict)

    def none(self) -> None:
        """Add a decision that has no reasons."""
        for counts in (self.candidates, self.more, self.words):
            counts.append(0)


def _candidates(told: Any) -> tuple[Sequence[str], Sequence[float], Mapping[str, str]]:
    """Return names, scores and why some were not eligible; older journals hold the candidates one by one."""
    if isinstance(told, Mapping):
        return told["names"], told["scores"], told.get("why_not", {})
    why_not = {one["name"]: one["why_not"] for one in told if not one["eligible"]}
    return [one["name"] for one in told], [one["score"] for one in told], why_not
