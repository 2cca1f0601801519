"""Owns the sketch: a fixed random projection of words and their n-grams, drawn from the hash itself, never stored."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_GRAM_SHARE: Final = 0.5


def signs(buckets: NDArray[np.int64], size: int) -> NDArray[np.float32]:
    """Return a vector of +1 and -1 for each bucket, shape (buckets, size): the bits of splitmix64 (Steele et al. 2014).

    Args:
        buckets: Bucket numbers, shape (n,).
        size: Length of a vector; a multiple of 64.
    """
    counters = np.arange(1, size // 64 + 1, dtype=np.uint64)
    state = (buckets.astype(np.uint64)[:, None] << np.uint64(16)) + counters[None, :]
    state = state * _STEP
    state = (state ^ (state >> np.uint64(30))) * _MIX[0]
    state = (state ^ (state >> np.uint64(27))) * _MIX[1]
    state ^= state >> np.uint64(31)
    bits = np.unpackbits(state.astype("<u8").view(np.uint8), axis=1)
    return bits.astype(np.float32) * 2 - 1


def sketch_word(buckets: NDArray[np.int64], size: int) -> NDArray[np.float32]:
    """Return the unit sketch of one word, shape (size,): half its own vector, half that of its n-grams.

    Words that share n-grams ("migrate", "migration") have similar sketches; words that share none are orthogonal up to
    the noise of the projection, about ``1 / sqrt(size)`` (Achlioptas 2003).

    Args:
        buckets: The word's own bucket, then those of its n-grams.
        size: Length of a vector; a multiple of 64.
    """
    table = signs(buckets, size)
    grams = table[1:].sum(axis=0) / np.sqrt(max(len(buckets) - 1, 1))
    mixed = table[0] * np.sqrt(1 - _GRAM_SHARE) + grams * np.sqrt(_GRAM_SHARE)
    unit: NDArray[np.float32] = (mixed / np.linalg.norm(mixed)).astype(np.float32)
    return unit
