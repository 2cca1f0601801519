"""Owns the thumbs: feedback as rows of the training loop, each a text, a label, and whether that label was right."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router.feedback import Feedback
from router.held_out import NONE_OF_THESE


@dataclass(frozen=True, slots=True)
class Thumbs:
    """What was said of decisions, in numbers.

    Attributes:
        texts: The requests.
        labels: The label that each row is about, shape (thumbs,).
        right: Probability that it is the right one, shape (thumbs,); 1 for a thumb up, 0 for a thumb down.
    """

    texts: tuple[str, ...]
    labels: NDArray[np.int64]
    right: NDArray[np.float32]

    @classmethod
    def read(cls, feedback: Sequence[Feedback], number: Mapping[str, int]) -> Self:
        """Take a row from each feedback; a thumb down that names the right agent is a thumb up on that one.

        Args:
            feedback: What was said; that on agents without a number is left out.
            number: Of each label.
        """
        rows = [(f.text, f.right_agent or f.agent, bool(f.right_agent)) for f in feedback]
        rows = [row for row in rows if row[1] in number]
        labels = np.array([number[agent] for _, agent, _ in rows], dtype=np.int64)
        return cls(tuple(text for text, _, _ in rows), labels, np.array([right for _, _, right in rows], np.float32))

    @classmethod
    def none(cls) -> Self:
        """Return no thumbs at all."""
        return cls((), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def targets(self) -> NDArray[np.int64]:
        """Return the labels that are believed, ``NONE_OF_THESE`` after a thumb down, shape (thumbs,)."""
        return np.where(self.right >= 0.5, self.labels, NONE_OF_THESE)

    def without(self, texts: Set[str]) -> "Thumbs":
        """Return the thumbs on other texts, for a network that is to be judged on these."""
        kept = np.array([text not in texts for text in self.texts], dtype=np.bool_)
        return Thumbs(tuple(text for text in self.texts if text not in texts), self.labels[kept], self.right[kept])
