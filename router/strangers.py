"""Owns the strangers: how an agent that was added later is scored beside those that training knew."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.assembly import prototype, unit
from router.kinds import MOST_KINDS, sort_into_kinds

Vectors: TypeAlias = NDArray[np.float32]

#: Of the held-out requests of old agents, so many may go to pretended new ones.
MAY_TAKE: Final = 0.03
_OF_ITS_KIND: Final = 0.4  # share of a row that is of one kind of the examples, the rest being of all of them
_AWAY: Final = 0.3  # so far the rows of an agent turn away from the trained agents that they are most like
_NEAREST: Final = 3  # and from so many of them
_SETTLED: Final = 2  # so often the likest kinds are chosen anew by the weights that were learnt
_NEWTON_STEPS: Final = 12
_HALVINGS: Final = 8
_RIDGE: Final = 0.02 / 12


class Measure(NamedTuple):
    """What a stranger's score is made of: the weights of three likenesses, and a constant; see ``Strangers``."""

    weights: tuple[float, float, float]
    bias: float


@dataclass(frozen=True, slots=True)
class Strangers:
    """A stranger's score: weighted likenesses to it in the trained, base and sketch parts, and a constant.

    A stranger has a row for each kind of its examples, and the likest of them counts. Each part of a request is
    measured by its own length, for the trained part of a text that no label knows is short.

    Attributes:
        sizes: Lengths of the three parts.
        weights: Of the three likenesses; a part of weight 0 has no say.
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

    def rows(self, vectors: Vectors, background: Vectors, head: Vectors) -> Vectors:
        """Return the rows of an agent known by examples, shape (kinds, width).

        Each is the prototype of all examples and that of one kind of them, mixed, times the weights; in the trained
        part they are turned away from those agents of the training that they are most like.

        Args:
            vectors: Of the examples, each part of length 1 or of what it is in the whole, shape (examples, width).
            background: Mean of those of the training texts, shape (width,).
            head: Rows of the agents that training knew, registered or not, shape (known, width).
        """
        parts = [(part, weight) for part, weight in zip(self.parts, self.weights, strict=True) if weight]
        if not parts:  # a rehearsal in which no likeness told anything
            return np.zeros((1, len(background)), dtype=np.float32)
        kinds = sort_into_kinds(np.concatenate([unit(vectors[:, part]) for part, _ in parts], axis=1))
        rows = np.zeros((len(kinds), len(background)), dtype=np.float32)
        for part, weight in parts:
            mine, others = vectors[:, part], background[part]
            whole = prototype(mine, others) * np.float32(1 - _OF_ITS_KIND)
            for row, kind in zip(rows, kinds, strict=True):
                row[part] = whole + prototype(mine[kind], others) * np.float32(_OF_ITS_KIND)
            if part == self.parts[0]:
                rows[:, part] = _turn_away(rows[:, part], unit(head[:, part]))
            rows[:, part] *= np.float32(weight)
        return rows

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
    """Old agents that played new: scores of held-out requests, and the likenesses that a stranger's score is made of.

    Attributes:
        known: Scores of the agents that training knew, shape (requests, known).
        likeness: To each pretended stranger's rows by part, shape (requests, strangers, kinds, 3).
        truth: The right agent, those known first, then the strangers, shape (requests,).
    """

    known: Vectors
    likeness: Vectors
    truth: NDArray[np.int64]

    def scores(self, measure: Measure) -> Vectors:
        """Return the score of every agent, those known first, shape (requests, known + strangers)."""
        strange = (self.likeness @ np.array(measure.weights, dtype=np.float32)).max(axis=2)
        return np.concatenate([self.known, strange + np.float32(measure.bias)], axis=1)

    def likest(self, weights: Vectors) -> Self:
        """Return the rehearsal with that kind alone of each stranger which counts under these weights."""
        best = (self.likeness @ weights).argmax(axis=2)[:, :, None, None]
        return replace(self, likeness=np.take_along_axis(self.likeness, best, axis=2))

    def pack(self) -> Vectors:
        """Return all of it in one array, a row a request, as a checkpoint keeps it."""
        requests = len(self.truth)
        likeness = self.likeness.reshape(requests, -1)
        return np.concatenate([self.known, likeness, self.truth[:, None].astype(np.float32)], axis=1)

    @classmethod
    def unpack(cls, rows: Vectors, known: int, strangers: int) -> Self:
        """Return what ``pack`` packed, given the number of agents that training knew, and that of the others."""
        likeness = rows[:, known:-1].reshape(len(rows), strangers, -1, 3)
        return cls(rows[:, :known], likeness, rows[:, -1].astype(np.int64))


def rehearse(
    vectors: Vectors,
    head: Vectors,
    background: Vectors,
    cards: Sequence[Vectors],
    truth: NDArray[np.int64],
    sizes: tuple[int, int, int],
) -> Rehearsal:
    """Score held-out requests by agents that training knew and by others known from their cards.

    Args:
        vectors: Unit vectors of the requests, shape (requests, width).
        head: Rows of the agents that training knew, shape (known, width).
        background: Mean unit vector of the training texts, shape (width,).
        cards: Unit vectors of each pretended stranger's examples, shape (examples, width).
        truth: The right agent, those known first, shape (requests,).
        sizes: Lengths of the trained, base and sketch parts.
    """
    plain = Strangers(sizes, (1.0, 1.0, 1.0), 0.0)
    rows = np.stack([_as_many(plain.rows(card, background, head)) for card in cards])
    likeness = [np.tensordot(unit(vectors[:, part]), rows[:, :, part], (1, 2)) for part in plain.parts]
    return Rehearsal(vectors @ head.T, np.stack(likeness, axis=3), truth)


def _turn_away(rows: Vectors, known: Vectors) -> Vectors:
    """Return an agent's rows less a share of the mean of those unit rows that they are most like (Rocchio 1971)."""
    nearest = np.argsort(-known.dot(rows.mean(axis=0)), kind="stable")[:_NEAREST]
    turned: Vectors = rows - known[nearest].mean(axis=0) * np.float32(_AWAY)
    return turned


def _as_many(rows: Vectors) -> Vectors:
    """Return as many rows as an agent has at most, the last one repeated: so the likest row stays what it is."""
    return rows[np.minimum(np.arange(MOST_KINDS), len(rows) - 1)]


def learn_strangers(rehearsals: Sequence[Rehearsal]) -> Measure:
    """Weigh the likenesses by the likelihood of the right agents, then lower the bias until little is taken."""
    measure = Measure((1.0, 1.0, 1.0), 0.0)
    for _ in range(_SETTLED):
        weights = np.array(measure.weights, dtype=np.float32)
        measure = _weigh([one.likest(weights) for one in rehearsals])
    return measure._replace(bias=min(measure.bias, _greatest_bias(rehearsals, measure)))


def _weigh(rehearsals: Sequence[Rehearsal]) -> Measure:
    """Return the most likely weights and bias where each stranger has one kind.

    The logits are linear in scale, scale x weights and scale x bias, so that Newton's method finds the one optimum.
    """
    leans_on_base = any(bool(one.likeness[..., 1].any()) for one in rehearsals)
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
    trained, base, sketch = (np.maximum(theta[1:4], 0.0) / scale).tolist()
    return Measure((trained, base, sketch), float(theta[4] / scale))


def _derivatives(
    rehearsals: Sequence[Rehearsal], theta: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean negative log-likelihood with a ridge, its gradient and Hessian, shapes (5,) and (5, 5)."""
    loss = _RIDGE / 2 * float(theta @ theta)
    slope, bend = _RIDGE * theta, _RIDGE * np.eye(5)
    for one in rehearsals:
        requests, known = one.known.shape
        inputs = np.zeros((requests, known + one.likeness.shape[1], 5))
        inputs[:, :known, 0] = one.known
        inputs[:, known:, 1:4] = one.likeness[:, :, 0]
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


def _greatest_bias(rehearsals: Sequence[Rehearsal], measure: Measure) -> float:
    """Return the bias at which strangers take the share ``MAY_TAKE`` of what is another's."""
    gaps = []
    for one in rehearsals:
        known = one.known.shape[1]
        scores = one.scores(measure._replace(bias=0.0))[one.truth < known]
        gaps.append(scores[:, :known].max(axis=1) - scores[:, known:].max(axis=1))
    every = np.concatenate(gaps)
    return float(np.quantile(every, MAY_TAKE)) if len(every) else 0.0
