"""Owns the corpus: texts as ragged arrays of feature rows, and the vocabulary that is learnt from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.features import Buckets
from router.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Every feature of every text, before a vocabulary is chosen.

    Attributes:
        text: Number of the text, shape (occurrences,), rising.
        bucket: Bucket of the feature, shape (occurrences,).
        kind: Number of its kind, shape (occurrences,).
    """

    text: NDArray[np.int64]
    bucket: Buckets
    kind: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts in terms of a vocabulary.

    Attributes:
        rows: Row numbers of all texts' seen features, one text after the other, shape (occurrences,).
        idf: Weight of each row, shape (features,).
        starts: Where each text begins, and the end of the last, shape (texts + 1,).
        base: IDF-weighted sum of each text's word vectors from the base encoder, shape (texts, base).
        sketch: IDF-weighted sum of each text's word sketches, shape (texts, sketch).
    """

    rows: NDArray[np.int64]
    idf: NDArray[np.float32]
    starts: NDArray[np.int64]
    base: NDArray[np.float32]
    sketch: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.starts) - 1


def learn_vocabulary(
    occurrences: Occurrences, texts: int, bits: int, min_df: Sequence[int], *, word_order: bool
) -> Vocabulary:
    """Keep the buckets that enough texts have, with ``ln((1 + N) / (1 + df)) + 1`` as their weight.

    Args:
        occurrences: The features of the texts.
        texts: Their number, N.
        bits: Logarithm of the number of buckets.
        min_df: For each kind of feature, the least number of texts that must have it.
        word_order: Whether pairs of words were extracted.
    """
    found = np.sort(occurrences.text << np.int64(bits) | occurrences.bucket)  # many times quicker than a set of them
    distinct = found[np.flatnonzero(np.diff(found, prepend=-1))]
    frequency = np.bincount(distinct & ((1 << bits) - 1), minlength=1 << bits)
    kind = np.zeros(1 << bits, dtype=np.int64)
    kind[occurrences.bucket] = occurrences.kind
    buckets = np.flatnonzero((frequency > 0) & (frequency >= np.asarray(min_df)[kind]))
    idf = (np.log((1 + texts) / (1 + frequency[buckets])) + 1).astype(np.float16)  # as it is served
    unseen_idf = float(np.log(1 + texts) + 1)
    return Vocabulary(bits, buckets.astype(np.int32), idf.astype(np.float32), unseen_idf, word_order)
