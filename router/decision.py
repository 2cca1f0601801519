"""Owns the decision: from scores and vetoes to a prediction, abstaining where it must."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from router.calibration import Calibration
from router.prediction import Abstained, Prediction, Scoreboard


@dataclass(frozen=True, slots=True)
class Roster:
    """The candidates, sorted by name, and the fingerprint of the router they belong to."""

    names: tuple[str, ...]
    versions: tuple[str, ...]
    fingerprint: str
    places: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", {name: at for at, name in enumerate(self.names)})


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
    if not roster.names:
        return _none(Abstained.NO_CANDIDATES, roster, scores, vetoes, calibration)
    eligible = _without(roster, scores, vetoes) if vetoes else scores
    leader = int(eligible.argmax())
    best = float(eligible[leader])
    if best == -np.inf:
        return _none(Abstained.ALL_VETOED, roster, scores, vetoes, calibration)
    confidence = calibration.confidence(eligible, best)
    eligible[leader] = -np.inf
    second = int(eligible.argmax())
    rest = float(eligible[second])
    eligible[leader] = best  # without vetoes these are the scores themselves
    return Prediction(
        choice=roster.names[leader] if confidence >= calibration.threshold else Abstained.BELOW_THRESHOLD,
        leader=roster.names[leader],
        runner_up="" if rest == -np.inf else roster.names[second],
        margin=best if rest == -np.inf else best - rest,
        confidence=confidence,
        threshold=calibration.threshold,
        fingerprint=roster.fingerprint,
        scoreboard=Scoreboard(roster.names, roster.versions, scores, dict(vetoes)),
    )


def _without(roster: Roster, scores: NDArray[np.float32], vetoes: Mapping[str, str]) -> NDArray[np.float32]:
    eligible = scores.copy()
    for name in vetoes:
        if name in roster.places:
            eligible[roster.places[name]] = -np.inf
    return eligible


def _none(
    reason: Abstained, roster: Roster, scores: NDArray[np.float32], vetoes: Mapping[str, str], calibration: Calibration
) -> Prediction:
    board = Scoreboard(roster.names, roster.versions, scores, dict(vetoes))
    return Prediction(reason, "", "", 0.0, 0.0, calibration.threshold, roster.fingerprint, board)
