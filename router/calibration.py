"""Owns the calibration: from scores to the probability that the leader is right, and its fit on held-out scores."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.beta_map import LEAST_ODDS, UNCHANGED, BetaMap, fit_beta_map

Scores: TypeAlias = NDArray[np.float32]

DEFAULT_THRESHOLD: Final = 0.5
#: No threshold is chosen below: held-out requests alone would let one route what nobody is meant by.
LEAST_THRESHOLD: Final = 0.3
_SCALES: Final = np.geomspace(2.0, 120.0, 60)
_FLOORS: Final = np.linspace(0.1, 0.8, 36)
_exp: Final = math.exp
_exps: Final = np.exp
#: Exponents between this and its negative are far from the ends of single precision.
FINITE: Final = 80.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """Softmax over the agents and one silent option, "none of these", whose score never changes; then a beta map.

    The softmax says who and whether anybody; the map makes that a probability that is kept: how often a leader is
    right whose softmax says 0.7, of held-out requests as they came.

    Attributes:
        scale: Inverse temperature (Guo et al. 2017); scores are cosines, so it is far above 1.
        floor: The score of "none of these".
        threshold: Confidence below which the router abstains.
        budget: Share of errors that the threshold was chosen to keep; None if it was chosen otherwise.
        beta: From the leader's odds to its confidence.
        factor: The scale, as an array without dimensions.
        scaled_floor: The floor times the scale.
    """

    scale: float
    floor: float
    threshold: float
    budget: float | None = None
    beta: BetaMap = UNCHANGED
    factor: NDArray[np.float32] = field(init=False, repr=False, compare=False)
    scaled_floor: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # An array without dimensions multiplies in half the time that a float takes, which is converted each time.
        object.__setattr__(self, "factor", np.array(self.scale, dtype=np.float32))
        object.__setattr__(self, "scaled_floor", self.floor * self.scale)

    def to_json(self) -> dict[str, Any]:
        """Return how scores become a confidence, as a JSON object; threshold and budget stand in every decision."""
        beta = self.beta
        return {"scale": self.scale, "floor": self.floor, "beta": [beta.rise, beta.fall, beta.shift]}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Return what ``to_json`` described, with the default threshold."""
        return cls(
            float(body["scale"]), float(body["floor"]), DEFAULT_THRESHOLD, beta=BetaMap(*map(float, body["beta"]))
        )

    def confidence(self, scores: Scores, leader: float) -> float:
        """Return the probability that the leader is right, 0 to 1.

        Args:
            scores: Scores of all agents, shape (agents,); -inf for one that is not eligible.
            leader: The best of them.
        """
        return self.beta.confidence(self.odds_against(scores, leader))

    def odds_against(self, scores: Scores, leader: float) -> float:
        """Return the odds of all other options together, "none of these" among them; see ``confidence``."""
        others = scores.copy()
        others[others.argmax()] = -math.inf
        return self.judge(others, leader, -math.inf)[0]

    def judge(self, others: Scores, leader: float, other: float) -> tuple[float, float, float]:
        """Return the odds of all options but the leader, and the probabilities of the leader and of another agent.

        One of the options is "none of these". The probabilities are those of ``BetaMap.confidence`` and of
        ``confidence_of_other``. One function, for every decision on many agents waits for it.

        Args:
            others: Scores of all agents, shape (agents,); -inf for the leader and for one that is not eligible.
            leader: The best score of all.
            other: Score of the other agent; -inf for one that is not eligible.
        """
        scale = self.scale
        top = leader * scale
        if -FINITE < top < FINITE:  # then the leader is taken off once, behind the sum
            odds = others * self.factor
            rest = _exp(-top)
        else:
            odds = (others - leader) * self.factor
            rest = 1.0
        _exps(odds, odds)
        none = self.scaled_floor - top
        # A product with ones takes half the time of a sum, and rounds in another order.
        against = float(_ones(len(odds)).dot(odds)) * rest + _exp(min(700.0, none))
        confidence = self.beta.confidence(against)
        share = _exp((other - leader) * scale) / (max(LEAST_ODDS, against))
        return against, confidence, (1.0 - confidence) * (min(1.0, share))

    def odds_against_of_few(self, scores: list[float], leader: float) -> float:
        """Return what ``odds_against`` returns, for a short list and in double precision."""
        scale = self.scale
        exp = math.exp
        none = exp(min((self.floor - leader) * scale, 700.0))
        return sum([exp((score - leader) * scale) for score in scores]) - 1.0 + none

    def confidence_of_other(self, score: float, leader: float, against: float, confidence: float) -> float:
        """Return the probability that another agent than the leader is right: its share of what the leader leaves.

        Args:
            score: Of the other agent; -inf for one that is not eligible.
            leader: Score of the leader.
            against: Odds of all options but the leader, as from ``judge``.
            confidence: Of the leader.
        """
        odds = math.exp((score - leader) * self.scale)
        return (1.0 - confidence) * min(odds / max(against, LEAST_ODDS), 1.0)


@lru_cache(maxsize=16)
def _ones(count: int) -> NDArray[np.float32]:
    """Return ones: a product with them adds the quickest."""
    return np.ones(count, dtype=np.float32)


def fit(
    scores: Scores, labels: NDArray[np.int64], out_of_scope: Scores, threshold: float, out_share: float
) -> Calibration:
    """Fit scale and floor to held-out scores by the log-likelihood of the right option, over a grid, then the map.

    Out-of-scope requests are as many as somebody happened to give, so for the floor they weigh as if they were a share
    of all. That makes the others look doubtful; the map, fitted on all as they came, puts it right.

    Args:
        scores: Held-out requests, shape (requests, agents).
        labels: The right agent of each, shape (requests,).
        out_of_scope: Requests that no agent serves, shape (others, agents); may be empty.
        threshold: Kept as it is.
        out_share: What out-of-scope requests weigh, 0 to 1, where there are any; the others weigh the rest.
    """
    best = (math.inf, 1.0, 0.0)
    for scale in _SCALES.tolist():
        inside, outside = _log_sums(scores, scale), _log_sums(out_of_scope, scale)
        right = scores[np.arange(len(labels)), labels] * scale
        for floor in _FLOORS.tolist():
            loss = float((np.logaddexp(inside, floor * scale) - right).mean())
            if len(outside):
                missed = float((np.logaddexp(outside, floor * scale) - floor * scale).mean())
                loss = (1 - out_share) * loss + out_share * missed
            best = min(best, (loss, scale, floor))
    softmax = Calibration(best[1], best[2], threshold)
    every = np.concatenate([scores, out_of_scope])
    right = np.concatenate([scores.argmax(axis=1) == labels, np.zeros(len(out_of_scope), dtype=np.bool_)])
    against = np.array([softmax.odds_against(row, float(row.max())) for row in every])
    return replace(softmax, beta=fit_beta_map(against, right))


def choose_threshold(calibration: Calibration, out_of_scope: Scores, refused: float) -> float:
    """Return the confidence that this share of the out-of-scope requests stays below, between 0.3 and 0.7.

    Args:
        calibration: From scores to confidence.
        out_of_scope: Held-out requests that no agent serves, shape (others, agents), at least one.
        refused: Share to refuse, 0 to 1.
    """
    confidence = [calibration.confidence(row, float(row.max())) for row in out_of_scope]
    return float(np.clip(np.quantile(confidence, refused), LEAST_THRESHOLD, 0.7))


def expected_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 15) -> float:
    """Return the expected calibration error over bins of equal width (Guo et al. 2017), 0 to 1.

    Args:
        confidence: Of each decision, shape (decisions,).
        right: Whether its leader was right, shape (decisions,).
        bins: Number of bins.
    """
    place = bin_of(confidence, bins)
    gaps = np.bincount(place, weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / max(len(confidence), 1))


def bin_of(confidence: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Return the bin of equal width that each confidence falls into, from 0, shape (decisions,)."""
    return np.minimum((confidence * bins).astype(np.int64), bins - 1)


def _log_sums(scores: Scores, scale: float) -> NDArray[np.float64]:
    if not len(scores):
        return np.zeros(0)
    top = scores.max(axis=1)
    sums = np.log(np.exp((scores - top[:, None]) * scale).sum(axis=1)) + top * scale
    return np.asarray(sums, dtype=np.float64)
