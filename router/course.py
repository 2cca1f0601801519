"""Owns the course of a training run: what it is watched by, when it ends, and where it is kept meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from router.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Course:
    """How one run of the loop goes; by default it is neither watched nor kept, and runs to its end.

    Attributes:
        checkpoint: Where the run is kept.
        epochs: Epochs to run of those that the configuration plans; 0 for all.
        texts: Held-out texts that are judged after every epoch.
        truth: Their labels, shape (texts,).
        patience: Where not 0, the run ends when the loss on the held-out texts has not fallen for so many epochs.
    """

    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    epochs: int = 0
    texts: Sequence[str] = ()
    truth: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    patience: int = 0

    def losses(self, stage: str) -> list[float]:
        """Return the held-out loss after each epoch of a stage so far."""
        done = (one for one in self.checkpoint.progress if one.stage == stage)
        return [one.held_out_loss for one in done if one.held_out_loss is not None]

    def is_over(self, stage: str) -> bool:
        """Return whether patience has run out."""
        losses = self.losses(stage)
        return bool(self.patience and losses) and len(losses) - best_epoch(losses) >= self.patience


def best_epoch(losses: Sequence[float]) -> int:
    """Return the epoch, from 1, with the least loss; of equal ones the first.

    Args:
        losses: After each epoch, at least one.
    """
    return min(range(len(losses)), key=losses.__getitem__) + 1
