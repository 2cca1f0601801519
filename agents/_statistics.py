"""Statistics: the test that tells a shifted rate from chance."""

from __future__ import annotations

import math


def binomial_test(successes: int, trials: int, chance: float) -> float:
    """Return the two-sided p-value of `successes` out of `trials`: twice the smaller tail, 1 at most."""
    lower = _tail(successes, trials, chance, -1)
    upper = _tail(successes, trials, chance, 1)
    return min(1.0, 2 * min(lower, upper))


def _tail(start: int, trials: int, chance: float, step: int) -> float:
    """Sum the binomial probabilities from `start` outwards, until they no longer matter."""
    total, count = 0.0, start
    while 0 <= count <= trials:
        term = math.exp(_log_probability(count, trials, chance))
        total += term
        past_the_peak = (count - trials * chance) * step > 0
        if past_the_peak and term < total * 1e-12:
            break
        count += step
    return total


def _log_probability(count: int, trials: int, chance: float) -> float:
    ways = math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
    return ways + count * math.log(chance) + (trials - count) * math.log1p(-chance)
