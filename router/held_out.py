"""Owns the holding out: which texts calibrate instead of train, and what they say of a model."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from router.budget import HeldOut
from router.calibration import Calibration, expected_error

NONE_OF_THESE: Final = -1


def deal(targets: NDArray[np.int64], parts: int, seed: int) -> NDArray[np.int64]:
    """Deal every label's texts out to the parts, neighbours to the same one, so that each has its share of each label.

    Texts that stand together often come from one author, or from one another. Dealt out one by one, each would leave
    a near copy in training and look easier than the requests to come: on clinc150 (seeds 0 to 2) 3.8 to 4.7% of them go
    wrong, of texts held out side by side 5.1 to 6.1%, of its ``dev`` 6.0 to 6.2%.

    Args:
        targets: The label of each text, shape (texts,).
        parts: Number of parts.
        seed: Of where in a label's texts the first part begins; they are taken as a ring.

    Returns:
        The part of each text, shape (texts,).
    """
    generator = np.random.default_rng(seed)
    part = np.zeros(len(targets), dtype=np.int64)
    for label in np.unique(targets):
        places = np.flatnonzero(targets == label)
        places = np.roll(places, -generator.integers(len(places)))
        part[places] = parts - 1 - np.arange(len(places)) * parts // len(places)  # an only example is not in part 0
    return part


def observe(calibration: Calibration, scores: NDArray[np.float32], truth: NDArray[np.int64]) -> HeldOut:
    """Return how sure a router is of held-out texts and where it is wrong: what an error budget is proved by.

    Args:
        calibration: From scores to confidence.
        scores: Shape (texts, labels).
        truth: The label of each text, or ``NONE_OF_THESE``, for which every leader is wrong, shape (texts,).
    """
    return HeldOut.sort(_confidences(calibration, scores), scores.argmax(axis=1) != truth)


def measure(calibration: Calibration, scores: NDArray[np.float32], truth: NDArray[np.int64]) -> dict[str, float]:
    """Return accuracy, calibration error and abstention on held-out texts, each from 0 to 1.

    Args:
        calibration: Judged here.
        scores: Shape (texts, labels).
        truth: The label of each text, or ``NONE_OF_THESE``, shape (texts,).
    """
    confidence = _confidences(calibration, scores)
    known = truth != NONE_OF_THESE
    right = scores.argmax(axis=1) == truth
    refused = confidence < calibration.threshold
    metrics = {
        "held_out_accuracy": float(right[known].mean()),
        "held_out_ece": expected_error(confidence[known], right[known]),
        "held_out_abstention": float(refused[known].mean()),
    }
    if not known.all():
        metrics["out_of_scope_abstention"] = float(refused[~known].mean())
    return {name: round(value, 6) for name, value in metrics.items()}


def _confidences(calibration: Calibration, scores: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.array([calibration.confidence(row, float(row.max())) for row in scores])
