"""Owns the instant decision: the usual case, prepared once for some agents and then taken in one function."""

import math
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.beta_map import LEAST_ODDS
from router.calibration import FINITE, Calibration
from router.decision import FEW, Roster
from router.pooling import Plain
from router.prediction import Prediction, Scoreboard, choose
from router.protocol import NO_VETOES
from router.word_cache import EMPTY

#: From a text with a word to the decision on it; None where the numbers are so extreme that ``decide`` must be asked.
Instant: TypeAlias = Callable[[Plain], Prediction | None]

_INF: Final = math.inf
# Greater odds, and calibrations with which smaller ones overflow, are left to the plain way.
_MOST_ODDS: Final = 1e60
_MOST_EXPONENT: Final = 600.0
_FLOAT: Final = np.dtype(np.float32)
_made: Final[Any] = tuple.__new__  # what a named tuple does when it is called, without the Python in between


def prepare(roster: Roster, rows: NDArray[np.float32], columns: int, calibration: Calibration) -> Instant | None:
    """Return what decides as ``decide`` does on ``Snapshot.scores``, to the bit, where nobody is vetoed or a stranger.

    Each operation is the plain one, in the same order. What is spared is the way to it: calls, attributes, checks of
    what was known before the request came. None where Python is quicker than NumPy, because the agents are few.

    Args:
        roster: The agents.
        rows: Their rows, shape (agents, columns).
        columns: So many numbers of a text's vector count.
        calibration: From scores to confidence.
    """
    if len(roster.names) <= FEW or not _is_tame(calibration):
        return None
    names, versions, fingerprint = roster.names, roster.versions, roster.fingerprint
    scale, factor, floor = calibration.scale, calibration.factor, calibration.scaled_floor
    threshold, budget, beta = calibration.threshold, calibration.budget, calibration.beta
    shift, fall, bend = beta.shift, beta.fall, beta.fall - beta.rise
    products, total = rows.dot, np.ones(len(names), dtype=np.float32).dot
    empty, exps, exp, log, log1p, sqrt = np.empty, np.exp, math.exp, math.log, math.log1p, math.sqrt

    def decide_at_once(read: Plain) -> Prediction | None:
        _, vector, line, _ = read
        square = float(vector.dot(vector))
        if not square or len(line) <= EMPTY:
            return None
        scores = products(vector[:columns])
        inverse = empty((), _FLOAT)
        inverse[()] = 1.0 / sqrt(square)
        scores *= inverse
        first = int(scores.argmax())
        best = scores.item(first)
        scores[first] = -_INF
        second = int(scores.argmax())
        rest = scores.item(second)
        odds = scores * factor
        scores[first] = best
        top = best * scale
        if not -FINITE < top < FINITE:
            return None
        exps(odds, odds)
        against = float(total(odds)) * exp(-top) + exp(floor - top)
        if not LEAST_ODDS <= against <= _MOST_ODDS:
            return None
        confidence = 1.0 / (1.0 + exp(fall * log(against) - (shift + bend * log1p(against))))
        share = exp((rest - best) * scale) / against
        other = (1.0 - confidence) * min(1.0, share)
        leader = names[first]
        choice = leader if confidence >= threshold else choose(leader, confidence, other, threshold)
        board = _made(Scoreboard, (names, versions, scores, NO_VETOES))
        answer = (choice, leader, names[second], best - rest, confidence, threshold, fingerprint, board, budget, other)
        return _made(Prediction, answer)  # type: ignore[no-any-return]  # a Prediction

    return decide_at_once


def _is_tame(calibration: Calibration) -> bool:
    """Return whether no exponent overflows where scores and odds are within bounds."""
    beta = calibration.beta
    most = abs(beta.shift) + (abs(beta.fall - beta.rise) + abs(beta.fall)) * math.log(_MOST_ODDS)
    return max(most, abs(calibration.scaled_floor)) < _MOST_EXPONENT
