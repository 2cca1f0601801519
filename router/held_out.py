"""Owns the holding out: which texts calibrate instead of train, and what they say of a model."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from router.calibration import Calibration, expected_error

NONE_OF_THESE: Final = -1


def deal(targets: NDArray[np.int64], parts: int, seed: int) -> NDArray[np.int64]:
    """Deal every label's texts out to the parts in turn, so that each part has its share of each label.

    Args:
        targets: The label of each text, shape (texts,).
        parts: Number of parts.
        seed: Of the order within a label.

    Returns:
        The part of each text, shape (texts,).
    """
    generator = np.random.default_rng(seed)
    part = np.zeros(len(targets), dtype=np.int64)
    for label in np.unique(targets):
        places = generator.permutation(np.flatnonzero(targets == label))
        part[places] = parts - 1 - np.arange(len(places)) % parts  # an only example is not in part 0
    return part


def measure(calibration: Calibration, scores: NDArray[np.float32], truth: NDArray[np.int64]) -> dict[str, float]:
    """Return accuracy, calibration error and abstention on held-out texts, each from 0 to 1.

    Args:
        calibration: Judged here.
        scores: Shape (texts, labels).
        truth: The label of each text, or ``NONE_OF_THESE``, shape (texts,).
    """
    confidence = np.array([calibration.confidence(row, float(row.max())) for row in scores])
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
