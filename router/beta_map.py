"""Owns the beta map: from the odds against a leader to an honest probability that it is right, and its fit."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Smaller odds are told apart by rounding errors only.
LEAST_ODDS: Final = 1e-6
_MOST_ODDS: Final = 1e303
_MOST_ODDS_FITTED: Final = 1e9
# How firmly the three numbers are held to (1, 1, 0), in decisions: 770 of them move the map, a dozen hardly do.
_PULL: Final = 10.0
_START: Final = np.array([1.0, 1.0, 0.0])
_STEPS: Final = 50
_HALVINGS: Final = 40


@dataclass(frozen=True, slots=True)
class BetaMap:
    """``logit(confidence) = rise ln p - fall ln(1 - p) + shift`` (Kull et al., "Beta calibration", 2017).

    It never changes the order of two decisions; 1, 1, 0 leave every probability as it is.

    Attributes:
        rise: Weight of the logarithm of p, the softmax's probability, at least 0.
        fall: Weight of the logarithm of 1 - p, at least 0.
        shift: Added to both.
    """

    rise: float = 1.0
    fall: float = 1.0
    shift: float = 0.0

    def confidence(self, against: float) -> float:
        """Return the probability that a leader is right, 0 to 1.

        Args:
            against: Odds of all other options together, ``(1 - p) / p``, at least 0.
        """
        if not LEAST_ODDS <= against <= _MOST_ODDS:
            against = min(max(against, LEAST_ODDS), _MOST_ODDS)
        logit = self.shift + (self.fall - self.rise) * math.log1p(against) - self.fall * math.log(against)
        return 1.0 / (1.0 + math.exp(-logit)) if logit > -700.0 else 0.0

    def odds_at(self, confidence: float) -> float:
        """Return the largest odds against a leader at which it is that sure, to a few digits; see ``confidence``.

        Args:
            confidence: Any number; what no odds or all odds give is at the ends of what is told apart.
        """
        least, most = math.log(LEAST_ODDS), math.log(_MOST_ODDS)
        for _ in range(_HALVINGS):
            middle = (least + most) / 2
            if self.confidence(math.exp(middle)) >= confidence:
                least = middle
            else:
                most = middle
        return math.exp(least)


UNCHANGED: Final = BetaMap()


def fit_beta_map(against: NDArray[np.float64], right: NDArray[np.bool_]) -> BetaMap:
    """Fit a map to held-out decisions by the log-likelihood of being right, with a pull towards changing nothing.

    Args:
        against: Odds of all other options of each decision, shape (decisions,).
        right: Whether its leader was right, shape (decisions,).
    """
    odds = np.clip(against, LEAST_ODDS, _MOST_ODDS_FITTED)
    # columns: ln p, -ln(1 - p), 1
    columns = np.stack([-np.log1p(odds), np.log1p(odds) - np.log(odds), np.ones(len(odds))], axis=1)
    free = np.ones(3, dtype=np.bool_)
    weights = _newton(columns, right, free)
    for at in (0, 1):  # a weight below 0 would turn the order round
        if weights[at] < 0:
            free[at] = False
            weights = _newton(columns, right, free)
    rise, fall, shift = weights.tolist()
    return BetaMap(max(rise, 0.0), max(fall, 0.0), shift)


def _newton(columns: NDArray[np.float64], right: NDArray[np.bool_], free: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the weights of the least loss; those that are not free are 0."""
    read = columns[:, free]
    weights = np.zeros(read.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-(read @ weights)))
        slope = read.T @ (chance - right) + _PULL * (weights - _START[free])
        bend = (read * (chance * (1 - chance))[:, None]).T @ read + _PULL * np.eye(len(weights))
        step, length = np.linalg.solve(bend, slope), 1.0
        before = _loss(read, right, weights, free)
        while length > LEAST_ODDS and _loss(read, right, weights - length * step, free) > before:
            length /= 2
        weights = weights - length * step
        if np.abs(length * step).max() < LEAST_ODDS:
            break
    found = np.zeros(3)
    found[free] = weights
    return found


def _loss(
    read: NDArray[np.float64], right: NDArray[np.bool_], weights: NDArray[np.float64], free: NDArray[np.bool_]
) -> float:
    logits = read @ weights
    missed = np.logaddexp(0.0, np.where(right, -logits, logits)).sum()
    return float(missed + _PULL / 2 * np.square(weights - _START[free]).sum())
