"""Owns the assembly: from a trained network's parameters to the arrays that are served, and the row of a new agent."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router.manifest import TrainedLabel
from router.model_file import ModelArrays
from router.packed_rows import pack
from router.profile import AgentProfile
from router.vocabulary import Vocabulary

_TINY = np.float32(1e-12)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors of length 1 along the last axis; a zero vector stays zero."""
    length = np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True))
    return np.asarray(vectors / np.maximum(length, _TINY), dtype=np.float32)


def prototype(vectors: NDArray[np.float32], background: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the unit row of an agent known by examples only: their mean direction, less what all requests share.

    Without any examples the row is zero.

    Args:
        vectors: Unit vectors of the examples, shape (examples, width).
        background: Mean unit vector of the training texts, shape (width,).
    """
    if not len(vectors):
        return np.zeros_like(background)
    return unit(vectors.mean(axis=0) - background)


def assemble(
    vocabulary: Vocabulary,
    embedding: NDArray[np.float32],
    head: NDArray[np.float32],
    vectors: NDArray[np.float32],
    targets: NDArray[np.int64],
    blend: float,
    background: NDArray[np.float32],
) -> ModelArrays:
    """Fold IDF into the rows and the mean sketches into the head.

    Args:
        vocabulary: What the rows stand for.
        embedding: Shape (features, size).
        head: Unit rows, shape (labels, size + base).
        vectors: Unit vectors of the training texts, shape (texts, size + base + sketch).
        targets: Their labels, shape (texts,); texts without one count for the background only.
        blend: Share of a label's mean sketch in its row, 0 to 1.
        background: What the training texts have in common where strangers are told apart, shape (width,).
    """
    learnt = head.shape[1]
    common = vectors[:, learnt:].mean(axis=0)
    sketches = [prototype(vectors[targets == label, learnt:], common) for label in range(len(head))]
    rows = np.concatenate([head * np.float32(1 - blend), np.stack(sketches) * np.float32(blend)], axis=1)
    folded = pack(embedding * vocabulary.idf[:, None])
    return ModelArrays(
        buckets=vocabulary.buckets,
        idf=vocabulary.idf.astype(np.float16),
        codes=folded.codes,
        scales=folded.scales,
        head=unit(rows),
        background=background.astype(np.float32),
    )


def trained_labels(labels: Sequence[str], profiles: Sequence[AgentProfile]) -> tuple[TrainedLabel, ...]:
    """Tie each label to the card of that name, if there is one."""
    cards = {profile.name: profile for profile in profiles}
    return tuple(_trained_label(label, cards.get(label)) for label in labels)


def _trained_label(label: str, card: AgentProfile | None) -> TrainedLabel:
    if card is None:
        return TrainedLabel(name=label)
    return TrainedLabel(name=label, version=card.version, profile_digest=card.digest)
