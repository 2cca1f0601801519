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
        scores: Their scores, shape (agents,); kept by the prediction, so never write to it again.
        vetoes: Agent name to the reason why it is not eligible.
        calibration: From scores to confidence.
    """
    open_scores = scores.copy()
    for name in vetoes:
        if name in roster.places:
            open_scores[roster.places[name]] = -np.inf
    leader = int(open_scores.argmax()) if len(open_scores) else -1
    best = float(open_scores[leader]) if leader >= 0 else -np.inf
    board = Scoreboard(roster.names, roster.versions, scores, dict(vetoes))
    if best == -np.inf:
        reason = Abstained.ALL_VETOED if roster.names else Abstained.NO_CANDIDATES
        return Prediction(reason, "", "", 0.0, 0.0, calibration.threshold, roster.fingerprint, board)
    confidence = calibration.confidence(open_scores, best)
    open_scores[leader] = -np.inf
    second = int(open_scores.argmax())
    rest = float(open_scores[second])
    name = roster.names[leader]
    choice = name if confidence >= calibration.threshold else Abstained.BELOW_THRESHOLD
    alone = rest == -np.inf
    runner_up, margin = ("", best) if alone else (roster.names[second], best - rest)
    return Prediction(choice, name, runner_up, margin, confidence, calibration.threshold, roster.fingerprint, board)
