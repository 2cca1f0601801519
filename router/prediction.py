"""Owns the answer of a router: the choice, how sure it is, who else was asked, and which words decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Abstained(Enum):
    """The explicit "none of these", with its reason as the value."""

    BELOW_THRESHOLD = "below-threshold"
    NO_CANDIDATES = "no-candidates"
    ALL_VETOED = "all-vetoed"

    @property
    def reason(self) -> str:
        """Return why no agent was chosen."""
        return self.value


@dataclass(frozen=True, slots=True)
class Candidate:
    """One agent as the router saw it: its score, its rank from 1, and why it was not eligible ("" when it was)."""

    name: str
    version: str
    score: float
    rank: int
    eligible: bool
    why_not: str


@dataclass(frozen=True, slots=True)
class Contribution:
    """A word and its exact share of an agent's score; ``word`` is "" for a rest that belongs to no word."""

    word: str
    weight: float


@dataclass(frozen=True, slots=True)
class Scoreboard:
    """Names, versions and scores of all agents, in the order of registration; ranked only when someone asks."""

    names: Sequence[str]
    versions: Sequence[str]
    scores: NDArray[np.float32]
    vetoes: Mapping[str, str]

    def ranked(self) -> tuple[Candidate, ...]:
        """Return every agent, best score first; equal scores keep the order of registration."""
        order = np.argsort(-self.scores, kind="stable").tolist()
        scores = self.scores.tolist()
        return tuple(self._candidate(at, scores[at], rank) for rank, at in enumerate(order, start=1))

    def to_json(self) -> list[dict[str, Any]]:
        """Return what ``ranked`` returns as plain JSON types, scores rounded to 6 places."""
        order = np.argsort(-self.scores, kind="stable").tolist()
        scores = self.scores.astype(np.float64).round(6).tolist()
        names, versions, vetoes = self.names, self.versions, self.vetoes
        return [
            {
                "name": names[at],
                "version": versions[at],
                "score": scores[at],
                "rank": rank,
                "eligible": names[at] not in vetoes,
                "why_not": vetoes.get(names[at], ""),
            }
            for rank, at in enumerate(order, start=1)
        ]

    def _candidate(self, at: int, score: float, rank: int) -> Candidate:
        name = self.names[at]
        return Candidate(name, self.versions[at], score, rank, name not in self.vetoes, self.vetoes.get(name, ""))


@dataclass(frozen=True, slots=True)
class Prediction:
    """The whole answer to one request.

    Attributes:
        choice: The agent's name, or why there is none.
        leader: The best eligible agent, also when the router abstained; "" if none.
        runner_up: The second best eligible agent; "" if none.
        margin: Score of the leader minus score of the runner-up; the leader's score when it stands alone.
        confidence: Calibrated probability that the leader is right, 0 to 1.
        threshold: The router abstains below this confidence.
        fingerprint: Of the router: the same fingerprint gives the same scores.
    """

    choice: str | Abstained
    leader: str
    runner_up: str
    margin: float
    confidence: float
    threshold: float
    fingerprint: str
    scoreboard: Scoreboard = field(repr=False)

    @property
    def abstained(self) -> bool:
        """Return whether no agent was chosen."""
        return isinstance(self.choice, Abstained)

    def candidates(self) -> tuple[Candidate, ...]:
        """Rank all agents, best first; those vetoed keep their score and say why not."""
        return self.scoreboard.ranked()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types, all candidates included, floats rounded to 6 places."""
        return {
            "choice": None if isinstance(self.choice, Abstained) else self.choice,
            "abstained": self.choice.reason if isinstance(self.choice, Abstained) else None,
            "leader": self.leader,
            "runner_up": self.runner_up,
            "margin": round(self.margin, 6),
            "confidence": round(self.confidence, 6),
            "threshold": round(self.threshold, 6),
            "fingerprint": self.fingerprint,
            "candidates": self.scoreboard.to_json(),
        }
