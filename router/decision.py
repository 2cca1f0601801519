"""Owns the decision: from scores and vetoes to a prediction, abstaining where it must."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.calibration import Calibration
from router.prediction import Abstained, Prediction, Scoreboard, choose
from router.protocol import NO_VETOES

_INF: Final = math.inf
#: Up to this many agents, plain Python is done before NumPy has been called six times.
FEW: Final = 24


@dataclass(frozen=True)  # no slots: the places are kept in the instance
class Roster:
    """The candidates, sorted by name, and the fingerprint of the router they belong to."""

    names: tuple[str, ...]
    versions: tuple[str, ...]
    fingerprint: str

    @cached_property
    def places(self) -> dict[str, int]:
        """Return where each name stands; made when somebody is vetoed."""
        return {name: at for at, name in enumerate(self.names)}


_made: Final[Any] = tuple.__new__  # what a named tuple does when it is called, without the Python in between

# The two best places with their scores (-inf where nobody is eligible), and how likely each of them is right.
_Lead: TypeAlias = tuple[int, float, int, float, float, float]


def decide(
    roster: Roster, scores: NDArray[np.float32], vetoes: Mapping[str, str], calibration: Calibration
) -> Prediction:
    """Pick the best eligible agent if the calibrated confidence reaches the threshold; ties go to the first name.

    Args:
        roster: The candidates.
        scores: Their scores, shape (agents,); the prediction keeps them, so never write to them again.
        vetoes: Agent name to the reason why it is not eligible.
        calibration: From scores to confidence.
    """
    names = roster.names
    threshold, budget = calibration.threshold, calibration.budget
    # An empty mapping is replaced, not copied: its owner may fill it later.
    board = _made(Scoreboard, (names, roster.versions, scores, dict(vetoes) if vetoes else NO_VETOES))
    if not names:
        return Prediction(Abstained.NO_CANDIDATES, "", "", 0.0, 0.0, threshold, roster.fingerprint, board, budget)
    eligible = _without(roster, scores, vetoes) if vetoes else scores
    if len(names) <= FEW:
        first, best, second, rest, confidence, other = _lead_of_few(eligible, calibration)
    else:
        first = int(eligible.argmax())
        best = eligible.item(first)
        eligible[first] = -_INF
        second = int(eligible.argmax())
        rest = eligible.item(second)
        _, confidence, other = calibration.judge(eligible, best, rest) if best > -_INF else (0.0, 0.0, 0.0)
        eligible[first] = best  # without vetoes these are the scores that the prediction keeps
    if best == -_INF:
        return Prediction(Abstained.ALL_VETOED, "", "", 0.0, 0.0, threshold, roster.fingerprint, board, budget)
    leader = names[first]
    return _made(  # type: ignore[no-any-return]  # a Prediction
        Prediction,
        (
            leader if confidence >= threshold else choose(leader, confidence, other, threshold),
            leader,
            "" if rest == -_INF else names[second],
            best if rest == -_INF else best - rest,
            confidence,
            threshold,
            roster.fingerprint,
            board,
            budget,
            other,
        ),
    )


def _lead_of_few(scores: NDArray[np.float32], calibration: Calibration) -> _Lead:
    """Return the two best of few agents, and how likely each of them is right."""
    values: list[float] = scores.tolist()
    best = max(values)
    first = values.index(best)
    if best == -math.inf:
        return first, best, first, best, 0.0, 0.0
    against = calibration.odds_against_of_few(values, best)
    values[first] = -math.inf
    rest = max(values)
    confidence = calibration.beta.confidence(against)
    other = calibration.confidence_of_other(rest, best, against, confidence)
    return first, best, values.index(rest), rest, confidence, other


def _without(roster: Roster, scores: NDArray[np.float32], vetoes: Mapping[str, str]) -> NDArray[np.float32]:
    eligible = scores.copy()
    for name in vetoes:
        if name in roster.places:
            eligible[roster.places[name]] = -math.inf
    return eligible
