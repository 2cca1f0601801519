"""Owns the answer of a router: the choice, how sure it is, who else was asked, and which words decided."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_round: Final = float.__round__  # what `round` finds out each time
_FEW: Final = 24  # up to this many scores, Python sorts faster than NumPy is called

# An array without dimensions: a float would be converted each time.
_DOUBLE: Final = np.dtype(np.float64)
_rint: Final = np.rint
_MILLION: Final = np.array(1e6)


class Abstained(Enum):
    """The explicit "none of these", with its reason as the value.

    ``NEAR_TIE`` is the one reason with a question to ask: which of the two, leader or runner-up?
    """

    BELOW_THRESHOLD = "below-threshold"
    NEAR_TIE = "near-tie"
    NO_CANDIDATES = "no-candidates"
    ALL_VETOED = "all-vetoed"

    @property
    def reason(self) -> str:
        """Return why no agent was chosen."""
        return self.value


class Candidate(NamedTuple):
    """One agent as the router saw it: its score, its rank from 1, and why it was not eligible ("" when it was)."""

    name: str
    version: str
    score: float
    rank: int
    eligible: bool
    why_not: str


def choose(leader: str, confidence: float, runner_up_confidence: float, threshold: float) -> str | Abstained:
    """Return the leader if it is sure enough, else why nobody is chosen.

    A near tie: leader and runner-up together reach the threshold, the leader alone does not, and if it is not the
    leader it is the runner-up more likely than anybody else or nobody.

    Args:
        leader: Its name.
        confidence: Calibrated probability that the leader is right.
        runner_up_confidence: The same for the runner-up; 0 where there is none.
        threshold: Least confidence to choose the leader.
    """
    if confidence >= threshold:
        return leader
    both = confidence + runner_up_confidence
    return Abstained.NEAR_TIE if both >= threshold and runner_up_confidence >= 1 - both else Abstained.BELOW_THRESHOLD


class Scoreboard(NamedTuple):
    """Names, versions and scores of all agents, in the order of registration; ranked only when someone asks."""

    names: Sequence[str]
    versions: Sequence[str]
    scores: NDArray[np.float32]
    vetoes: Mapping[str, str]

    def ranked(self) -> tuple[Candidate, ...]:
        """Return every agent, best score first; equal scores keep the order of registration."""
        scores = self.scores.tolist()
        vetoes = self.vetoes
        order = _best_first(self.scores, scores)
        names = [self.names[at] for at in order]
        columns = (
            names,
            [self.versions[at] for at in order],
            [scores[at] for at in order],
            range(1, len(names) + 1),
            [name not in vetoes for name in names],
            [vetoes.get(name, "") for name in names],
        )
        # What Candidate(...) does, without a Python call for each agent.
        return tuple(map(Candidate._make, zip(*columns, strict=True)))

    def to_json(self) -> dict[str, Any]:
        """Return the agents in columns, by name, as plain JSON types, scores rounded to 6 places.

        An object an agent took longer to make than the decision; ``rank_candidates`` makes them for who reads a record.
        """
        names, versions, scores, vetoes = self
        if len(names) <= _FEW:
            rounded = [_round(value * 1e6) / 1e6 for value in scores.tolist()]
        else:
            product = scores.astype(_DOUBLE)
            product *= _MILLION
            _rint(product, product)
            product /= _MILLION
            rounded = product.tolist()
        return {
            "names": list(names),
            "versions": list(versions),
            "scores": rounded,
            "why_not": dict(vetoes) if vetoes else {},
        }


def rank_candidates(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the candidates of a record one by one, best first, as ``Candidate`` describes them.

    Scores that are equal to 6 places keep the order of their names.

    Args:
        columns: As ``Scoreboard.to_json`` gives them.
    """
    names, versions, scores, why_not = (columns[name] for name in ("names", "versions", "scores", "why_not"))
    return [
        {
            "name": names[at],
            "version": versions[at],
            "score": scores[at],
            "rank": rank,
            "eligible": names[at] not in why_not,
            "why_not": why_not.get(names[at], ""),
        }
        for rank, at in enumerate(sorted(range(len(names)), key=scores.__getitem__, reverse=True), start=1)
    ]


def _best_first(scores: NDArray[np.float32], values: list[float]) -> list[int]:
    """Return the places of the scores, best first; ``values`` are the same scores as a list."""
    if len(values) <= _FEW:
        return sorted(range(len(values)), key=values.__getitem__, reverse=True)
    order: list[int] = (-scores).argsort(kind="stable").tolist()
    return order


class Prediction(NamedTuple):
    """The whole answer to one request.

    Attributes:
        choice: The agent's name, or why there is none.
        leader: The best eligible agent, also when the router abstained; "" if none.
        runner_up: The second best eligible agent; "" if none.
        margin: Score of the leader minus score of the runner-up; the leader's score when it stands alone.
        confidence: Calibrated probability that the leader is right, 0 to 1.
        threshold: The router abstains below this confidence.
        fingerprint: Of the router: the same fingerprint gives the same scores.
        budget: Share of errors among the routed that the threshold was chosen to keep; None if it was chosen otherwise.
        runner_up_confidence: Calibrated probability that the runner-up is right, 0 to 1; 0 where there is none.
    """

    choice: str | Abstained
    leader: str
    runner_up: str
    margin: float
    confidence: float
    threshold: float
    fingerprint: str
    scoreboard: Scoreboard
    budget: float | None = None
    runner_up_confidence: float = 0.0

    @property
    def abstained(self) -> bool:
        """Return whether no agent was chosen."""
        return isinstance(self.choice, Abstained)

    def under(self, threshold: float) -> "Prediction":
        """Return the answer that another threshold would have given; no budget is known to hold there."""
        choice = self.choice
        if self.leader:
            choice = choose(self.leader, self.confidence, self.runner_up_confidence, threshold)
        return self._replace(choice=choice, threshold=threshold, budget=None)

    def candidates(self) -> tuple[Candidate, ...]:
        """Rank all agents, best first; those vetoed keep their score and say why not."""
        return self.scoreboard.ranked()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types, all candidates included, floats rounded to 6 places."""
        choice, leader, runner_up, margin, confidence, threshold, fingerprint, board, budget, other = self
        chosen = isinstance(choice, str)  # quicker than to ask for the other one, which is an Enum
        return {
            "choice": choice if chosen else None,
            "abstained": None if isinstance(choice, str) else choice.value,
            "leader": leader,
            "runner_up": runner_up,
            "margin": _round(margin * 1e6) / 1e6,
            "confidence": _round(confidence * 1e6) / 1e6,
            "runner_up_confidence": _round(other * 1e6) / 1e6,
            "threshold": _round(threshold * 1e6) / 1e6,
            "budget": budget,
            "fingerprint": fingerprint,
            "candidates": board.to_json(),
        }
