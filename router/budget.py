"""Owns the error budget: from decisions on held-out requests to a threshold that keeps a promise about errors.

What is promised: with probability 0.95 over the draw of the held-out requests, of the requests that the router routes
at this threshold at most a share ``budget`` goes to a wrong agent. A request that no agent serves is wrong wherever it
goes. The share is that of all requests to come, not of the next hundred: those scatter about it.

How: every threshold of a sequence is a hypothesis, "at this one the share of errors is above the budget". Of n held-out
requests that it routes k are wrong, and k is binomial, so the hypothesis falls where ``P(Binomial(n, budget) <= k)`` is
small enough; that is where the upper bound of Clopper and Pearson (1934) is below the budget. A sequence runs from
strict to lax and ends with the first hypothesis that stands: a true one falls only if the first true one does, so many
thresholds cost no more than one, and three sequences a third of the 0.05 each (fixed sequence testing with several
starts; Angelopoulos et al., "Learn then test", 2021; Geifman and El-Yaniv, "Selective classification for deep neural
networks", 2017). Where they begin and what steps they take is fixed before any held-out request is seen. Nothing is
assumed of the confidence: one that is wrong about itself costs coverage, never the promise.

On what the promise rests: requests to come are drawn as the held-out ones were, by the same people about the same
agents, as many of them for nobody. It is that of the router that was measured. The one that is served has the
held-out requests in its training too, and its calibration, five numbers, was fitted on them; both gaps are measured
(``tests/router/test_budget.py``, ``benchmarks/router/README.md``), not covered. Not covered at all: agents added after
training, vetoes, and a change of what people ask, also of how often which agent is asked for (docs/decisions/0009).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from router.calibration import LEAST_THRESHOLD, Calibration
from router.errors import BudgetError, RouterError

CONFIDENCE: Final = 0.95
#: Where sequences begin, as multiples of the budget below full confidence. A router that is honest about its
#: confidence keeps the budget at the second; the first is for one that boasts, the third where few are so sure.
_STARTS: Final = (0.5, 1.0, 2.0)
_STEP: Final = 0.005
#: Budgets that an error may suggest, from 0.1% to 50%.
_SUGGESTED: Final = np.round(np.concatenate([np.arange(1, 100) / 1000, np.arange(10, 51) / 100]), 3)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The decisions on held-out requests, the surest first.

    Attributes:
        confidence: Of each, 0 to 1, falling, float32, shape (requests,).
        wrong: Whether its leader is not the right agent, or none is, shape (requests,).
    """

    confidence: NDArray[np.float32]
    wrong: NDArray[np.bool_]

    @classmethod
    def sort(cls, confidence: NDArray[np.floating], wrong: NDArray[np.bool_]) -> Self:
        """Take decisions in any order; of equal confidences the right ones come first.

        Args:
            confidence: Shape (requests,).
            wrong: Shape (requests,).
        """
        rounded = confidence.astype(np.float32)
        order = np.lexsort((wrong, -rounded))
        return cls(rounded[order], wrong[order])

    def count(self, threshold: float) -> tuple[int, int]:
        """Return how many requests a threshold routes, and how many of these go wrong."""
        routed = int((self.confidence >= threshold).sum())
        return routed, int(self.wrong[:routed].sum())


def find_threshold(held_out: HeldOut, budget: float) -> float:
    """Return the lowest confidence, 0.3 at least, at which the budget is kept, with the promise of this module.

    Args:
        held_out: Decisions on requests that the router was not trained on.
        budget: Share of the routed requests that may be wrong, above 0 and below 1.

    Raises:
        BudgetError: No threshold is proved to keep it; the error says which budget could be kept.
        RouterError: The budget is not a share.
    """
    if not 0 < budget < 1:
        raise RouterError(f"error_budget {budget:g} is no share of errors; choose one above 0 and below 1")
    threshold = _search(held_out, budget)
    if threshold is None:
        raise BudgetError(budget, len(held_out.confidence), least_budget(held_out))
    return threshold


def keep_budget(calibration: Calibration, held_out: HeldOut, budget: float) -> Calibration:
    """Return the calibration with the threshold that ``find_threshold`` gives, and the budget on record."""
    return replace(calibration, threshold=find_threshold(held_out, budget), budget=float(budget))


def least_budget(held_out: HeldOut) -> float | None:
    """Return the smallest budget from 0.1% to 50% that some threshold is proved to keep; None if there is none."""
    found = (float(budget) for budget in _SUGGESTED if _search(held_out, float(budget)) is not None)
    return next(found, None)


def probability_of_so_few(wrong: int, routed: int, share: float) -> float:
    """Return ``P(Binomial(routed, share) <= wrong)``: how likely so few errors are if that share of all is wrong.

    Args:
        wrong: Errors seen, at most ``routed``.
        routed: Requests routed.
        share: Above 0 and below 1.
    """
    if wrong >= routed:
        return 1.0
    few = np.arange(wrong + 1)
    logarithms = np.log(np.arange(1, routed + 1))
    factorials = np.concatenate([[0.0], np.cumsum(logarithms)])
    ways = factorials[routed] - factorials[few] - factorials[routed - few]
    chances = np.exp(ways + few * np.log(share) + (routed - few) * np.log1p(-share))
    return min(float(chances.sum()), 1.0)


def _search(held_out: HeldOut, budget: float) -> float | None:
    level = (1 - CONFIDENCE) / len(_STARTS)
    passed: list[float] = []
    for start in _STARTS:
        for threshold in _sequence(max(1 - start * budget, LEAST_THRESHOLD)):
            routed, wrong = held_out.count(threshold)
            if probability_of_so_few(wrong, routed, budget) > level:
                break
            passed.append(threshold)
    return min(passed, default=None)


def _sequence(start: float) -> Iterator[float]:
    """Yield the start, then every multiple of the step below it, down to the least threshold."""
    yield start
    lowest, highest = round(LEAST_THRESHOLD / _STEP), math.ceil(start / _STEP)
    yield from (at * _STEP for at in range(highest, lowest - 1, -1) if at * _STEP < start)
