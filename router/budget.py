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

Who asks for whom changes, and so the promise is made for a *shifting* mix, from 50 agents on: also where a tenth of the
agents, whichever, is asked for ten times as often as in training, or as unevenly in another way. Uneven frequencies
make a few agents count for many, and agents differ in how often they are missed, so that held-out requests are worth
less than their number: of m requests an agent only one in ``1 + UNEVEN * ALIKE * m`` (Kish's design effect, 1965, for
the agents as clusters and random weights of squared coefficient of variation ``UNEVEN``). Fewer, at the same share of
errors, prove less. ``ALIKE``, how alike two requests for one agent are in being missed, is taken as 0.12; measured
were 0.01 to 0.06 on ``dev``, and up to 0.13 on held-out requests. For a *steady* mix every request counts. Not covered
is an enemy who sends nothing but what the router gets wrong: no share of all requests can be promised against that.

Agents that were added after training are held to what they did in the rehearsals (``router.stages``): decisions of
routers that were trained without a quarter of the agents, to which these were added by ten examples. While there are
strangers the threshold is the one that also these prove, always for a shifting mix, for nobody knows which agents will
come. Where they prove none, or there were none, the threshold stays and no promise is on record.

On what the promise rests: requests to come for an agent are drawn as the held-out ones were, by the same people, as
many of them for nobody; new agents are no more, no stranger and no worse described than those that played them. It is
that of the router that was measured. The one that is served has the held-out requests in its training too, and its
calibration, five numbers, was fitted on them, as the five of strangers were on the rehearsals; the gaps are measured
(``tests/router/test_budget.py``, ``benchmarks/router/error_budget.py``), not covered. Not covered at all are vetoes and
other kinds of requests (docs/decisions/0009).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.calibration import LEAST_THRESHOLD, Calibration
from router.errors import BudgetError, RouterError

CONFIDENCE: Final = 0.95
#: Where sequences begin, as multiples of the budget below full confidence. A router that is honest about its
#: confidence keeps the budget at the second; the first is for one that boasts, the third where few are so sure.
_STARTS: Final = (0.5, 1.0, 2.0)
_STEP: Final = 0.005
#: Whether the mix of agents may change: `auto` is `shifting` from so many agents on, and `steady` below.
Mix: TypeAlias = Literal["auto", "steady", "shifting"]
SHIFTING_FROM: Final = 50
#: Squared coefficient of variation of the weights where a tenth of the agents weighs ten times as much.
UNEVEN: Final = (0.9 + 0.1 * 10**2) / (0.9 + 0.1 * 10) ** 2 - 1
ALIKE: Final = 0.12
_MOST_TERMS: Final = 1000
_EXACT: Final = 1e-15
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

    @classmethod
    def none(cls) -> Self:
        """Return no decisions."""
        return cls(np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.bool_))

    @classmethod
    def join(cls, several: Sequence[Self]) -> Self:
        """Return the decisions of several, at least one, the surest first."""
        return cls.sort(
            np.concatenate([one.confidence for one in several]), np.concatenate([one.wrong for one in several])
        )

    def count(self, threshold: float) -> tuple[int, int]:
        """Return how many requests a threshold routes, and how many of these go wrong."""
        routed = int((self.confidence >= threshold).sum())
        return routed, int(self.wrong[:routed].sum())


def swaying(mix: Mix, agents: int) -> int:
    """Return how many agents' frequencies may change, 0 where the promise is one for a steady mix."""
    return agents if mix == "shifting" or (mix == "auto" and agents >= SHIFTING_FROM) else 0


def find_threshold(held_out: HeldOut, budget: float, agents: int = 0) -> float:
    """Return the lowest confidence, 0.3 at least, at which the budget is kept, with the promise of this module.

    Args:
        held_out: Decisions on requests that the router was not trained on.
        budget: Share of the routed requests that may be wrong, above 0 and below 1.
        agents: Whose frequencies may change, as from ``swaying``.

    Raises:
        BudgetError: No threshold is proved to keep it; the error says which budget could be kept.
        RouterError: The budget is not a share.
    """
    if not 0 < budget < 1:
        raise RouterError(f"error_budget {budget:g} is no share of errors; choose one above 0 and below 1")
    threshold = _search(held_out, budget, agents)
    if threshold is None:
        steady = bool(agents) and _search(held_out, budget) is not None
        raise BudgetError(budget, len(held_out.confidence), least_budget(held_out, agents), steady=steady)
    return threshold


def keep_budget(calibration: Calibration, held_out: HeldOut, budget: float, agents: int = 0) -> Calibration:
    """Return the calibration with the threshold that ``find_threshold`` gives, and the budget on record."""
    return replace(calibration, threshold=find_threshold(held_out, budget, agents), budget=float(budget))


def among_strangers(calibration: Calibration, rehearsed: HeldOut, agents: int) -> Calibration:
    """Return the calibration while there are agents that training did not know.

    Where it keeps a budget, its threshold is now the lowest from its own on that decisions with pretended strangers
    prove as well; if there is none, it stays and promises nothing. Without a budget nothing changes.

    Args:
        calibration: As it is without strangers.
        rehearsed: Decisions of the rehearsals; may be empty.
        agents: Number of those that training knew.
    """
    if calibration.budget is None:
        return calibration
    threshold = _search(rehearsed, calibration.budget, agents, calibration.threshold)
    return replace(calibration, budget=None) if threshold is None else replace(calibration, threshold=threshold)


def least_budget(held_out: HeldOut, agents: int = 0) -> float | None:
    """Return the smallest budget from 0.1% to 50% that some threshold is proved to keep; None if there is none."""
    found = (float(budget) for budget in _SUGGESTED if _search(held_out, float(budget), agents) is not None)
    return next(found, None)


def probability_of_so_few(wrong: float, routed: float, share: float) -> float:
    """Return ``P(Binomial(routed, share) <= wrong)``: how likely so few errors are if that share of all is wrong.

    Requests that count for less than one make fractions of both; between whole numbers it is the regularised
    incomplete beta function ``I(1 - share; routed - wrong, wrong + 1)`` (DLMF 8.17.5), which is continuous.

    Args:
        wrong: Errors seen, at most ``routed``.
        routed: Requests routed.
        share: Above 0 and below 1.
    """
    if wrong >= routed:
        return 1.0
    right, left = routed - wrong, wrong + 1
    sizes = math.lgamma(right + left) - math.lgamma(right) - math.lgamma(left)
    front = math.exp(sizes + right * math.log1p(-share) + left * math.log(share))
    if 1 - share <= right / (right + left):
        return min(front / _fraction(right, left, 1 - share) / right, 1.0)
    return max(1 - front / _fraction(left, right, share) / left, 0.0)


def _fraction(one: float, other: float, at: float) -> float:
    """Return the continued fraction of the incomplete beta function (DLMF 8.17.22), by the method of Lentz."""
    value, upper, lower = 1.0, 1.0, 0.0
    for step in range(1, _MOST_TERMS):
        half = step // 2
        if step % 2:
            term = -(one + half) * (one + other + half) * at / ((one + 2 * half) * (one + 2 * half + 1))
        else:
            term = half * (other - half) * at / ((one + 2 * half - 1) * (one + 2 * half))
        lower = 1 / (1 + term * lower)
        upper = 1 + term / upper
        value *= upper * lower
        if abs(upper * lower - 1) < _EXACT:
            break
    return value


def _search(held_out: HeldOut, budget: float, agents: int = 0, least: float = LEAST_THRESHOLD) -> float | None:
    level = (1 - CONFIDENCE) / len(_STARTS)
    passed: list[float] = []
    for start in _STARTS:
        for threshold in _sequence(max(1 - start * budget, least), least):
            routed, wrong = held_out.count(threshold)
            worth = 1 / (1 + UNEVEN * ALIKE * routed / agents) if agents else 1.0
            if probability_of_so_few(worth * wrong, worth * routed, budget) > level:
                break
            passed.append(threshold)
    return min(passed, default=None)


def _sequence(start: float, least: float) -> Iterator[float]:
    """Yield the start, then every multiple of the step below it, down to the least threshold."""
    yield start
    lowest, highest = math.ceil(round(least / _STEP, 6)), math.ceil(start / _STEP)
    yield from (at * _STEP for at in range(highest, lowest - 1, -1) if at * _STEP < start)
