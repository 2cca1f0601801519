"""Owns the strangers: how an agent that was added later is scored beside those that training knew."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.assembly import prototype, unit

Vectors: TypeAlias = NDArray[np.float32]

#: Of the held-out requests of old agents, so many may go to pretended new ones.
MAY_TAKE: Final = 0.03
_NEWTON_STEPS: Final = 12
_HALVINGS: Final = 8
_RIDGE: Final = 0.02 / 12


class Asked(NamedTuple):
    """Held-out requests: scores of the agents that training knew, shape (requests, known), and how strangers read them.

    The latter has shape (requests, width).
    """

    known: Vectors
    vectors: Vectors


class Measure(NamedTuple):
    """What a stranger's score is made of: the weights of three cosines, and a constant; see ``Strangers``."""

    weights: tuple[float, float, float]
    bias: float


@dataclass(frozen=True, slots=True)
class Strangers:
    """A stranger's score: weighted cosines of the trained, base and sketch parts with its prototype, and a constant.

    Each part is measured by its own length, for the trained part of a text that no label knows is short.

    Attributes:
        sizes: Lengths of the three parts.
        weights: Of the three cosines; a part of weight 0 has no say.
        bias: Added to the score of every text with a word.
    """

    sizes: tuple[int, int, int]
    weights: tuple[float, float, float]
    bias: float

    @property
    def parts(self) -> tuple[slice, slice, slice]:
        """Return where the three parts lie in a vector."""
        trained, base, sketch = self.sizes
        known = trained + base
        return slice(0, trained), slice(trained, known), slice(known, known + sketch)

    def row(self, vectors: Vectors, background: Vectors) -> Vectors:
        """Return the row of an agent known by examples, shape (width,): prototypes times their weights.

        Args:
            vectors: Of the examples, each part of length 1 or of what it is in the whole, shape (examples, width).
            background: Mean of those of the training texts, shape (width,).
        """
        row = np.zeros_like(background)
        for part, weight in zip(self.parts, self.weights, strict=True):
            row[part] = prototype(vectors[:, part], background[part]) * np.float32(weight)
        return row

    def factors(self, vector: Vectors) -> Vectors:
        """Return one over the length of its part for each place of a text's vector, shape (width,)."""
        factors = np.zeros_like(vector)
        for part, weight in zip(self.parts, self.weights, strict=True):
            if weight:
                square = float(vector[part].dot(vector[part]))
                factors[part] = 1.0 / math.sqrt(square) if square else 0.0
        return factors


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Old agents that played new: scores of held-out requests, and the cosines that a stranger's score is made of.

    Attributes:
        known: Scores of the agents that training knew, shape (requests, known).
        cosines: With each pretended stranger's prototypes, shape (requests, strangers, 3).
        truth: The right agent, those known first, then the strangers, shape (requests,).
    """

    known: Vectors
    cosines: Vectors
    truth: NDArray[np.int64]

    def scores(self, measure: Measure) -> Vectors:
        """Return the score of every agent, those known first, shape (requests, known + strangers)."""
        strange = self.cosines @ np.array(measure.weights, dtype=np.float32) + np.float32(measure.bias)
        return np.concatenate([self.known, strange], axis=1)

    def pack(self) -> Vectors:
        """Return all of it in one array, a row a request, as a checkpoint keeps it."""
        requests = len(self.truth)
        return np.concatenate(
            [self.known, self.cosines.reshape(requests, -1), self.truth[:, None].astype(np.float32)], axis=1
        )

    @classmethod
    def unpack(cls, rows: Vectors, known: int) -> Self:
        """Return what ``pack`` packed, given the number of agents that training knew."""
        return cls(rows[:, :known], rows[:, known:-1].reshape(len(rows), -1, 3), rows[:, -1].astype(np.int64))


def rehearse(
    asked: Asked,
    background: Vectors,
    cards: Sequence[Vectors],
    truth: NDArray[np.int64],
    sizes: tuple[int, int, int],
) -> Rehearsal:
    """Score held-out requests by agents that training knew and by others known from their cards.

    Args:
        asked: The requests.
        background: Mean vector of the training texts, shape (width,).
        cards: Vectors of each pretended stranger's examples, shape (examples, width).
        truth: The right agent, those known first, shape (requests,).
        sizes: Lengths of the trained, base and sketch parts.
    """
    plain = Strangers(sizes, (1.0, 1.0, 1.0), 0.0)
    rows = np.stack([plain.row(card, background) for card in cards])
    cosines = np.stack([unit(asked.vectors[:, part]) @ rows[:, part].T for part in plain.parts], axis=2)
    return Rehearsal(asked.known, cosines, truth)


def learn_strangers(rehearsals: Sequence[Rehearsal]) -> Measure:
    """Weigh the cosines by the likelihood of the right agents, then lower the bias until little is taken.

    The logits are linear in scale, scale x weights and scale x bias, so that Newton's method finds the one optimum.
    """
    leans_on_base = any(bool(one.cosines[:, :, 1].any()) for one in rehearsals)
    theta = np.array([12.0, 4.0, 4.0 if leans_on_base else 0.0, 4.0, 2.0])
    active = np.array([True, True, leans_on_base, True, True])
    loss, slope, bend = _derivatives(rehearsals, theta)
    for _ in range(_NEWTON_STEPS):
        step = np.zeros(len(theta))
        step[active] = np.linalg.solve(bend[np.ix_(active, active)], slope[active])
        for _ in range(_HALVINGS):  # a whole step may lead too far
            after = _derivatives(rehearsals, theta - step)
            if after[0] <= loss:
                theta, (loss, slope, bend) = theta - step, after
                break
            step /= 2
    scale = max(theta[0], 1e-6)
    weights = np.maximum(theta[1:4], 0.0) / scale
    bias = min(float(theta[4] / scale), _greatest_bias(rehearsals, weights))
    return Measure((float(weights[0]), float(weights[1]), float(weights[2])), bias)


def _derivatives(
    rehearsals: Sequence[Rehearsal], theta: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean negative log-likelihood with a ridge, its gradient and Hessian, shapes (5,) and (5, 5)."""
    loss = _RIDGE / 2 * float(theta @ theta)
    slope, bend = _RIDGE * theta, _RIDGE * np.eye(5)
    for one in rehearsals:
        requests, known = one.known.shape
        inputs = np.zeros((requests, known + one.cosines.shape[1], 5))
        inputs[:, :known, 0] = one.known
        inputs[:, known:, 1:4] = one.cosines
        inputs[:, known:, 4] = 1.0
        logits = inputs @ theta
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        odds /= odds.sum(axis=1, keepdims=True)
        mean = np.einsum("ra,rak->rk", odds, inputs)
        count = requests * len(rehearsals)
        loss -= float(np.log(odds[np.arange(requests), one.truth] + 1e-300).sum()) / count
        slope += (mean - inputs[np.arange(requests), one.truth]).sum(axis=0) / count
        flat = inputs.reshape(-1, 5)
        bend += ((flat * odds.reshape(-1, 1)).T @ flat - mean.T @ mean) / count
    return loss, slope, bend


def _greatest_bias(rehearsals: Sequence[Rehearsal], weights: NDArray[np.float64]) -> float:
    """Return the bias at which strangers take the share ``MAY_TAKE`` of what is another's."""
    gaps = []
    for one in rehearsals:
        others = one.truth < one.known.shape[1]
        gaps.append(one.known[others].max(axis=1) - (one.cosines[others] @ weights).max(axis=1))
    every = np.concatenate(gaps)
    return float(np.quantile(every, MAY_TAKE)) if len(every) else 0.0
