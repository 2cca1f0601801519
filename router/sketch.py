"""Owns the sketch: a fixed random projection of words and their n-grams, drawn from the hash itself, never stored."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

# The constants of splitmix64 (Steele et al. 2014), as arrays without dimensions: a number would be made one for each
# operation.
_STEP: Final = np.array(0x9E3779B97F4A7C15, dtype=np.uint64)
_PLACE: Final = np.array(16, dtype=np.uint64)
_MIX: Final = tuple(
    (np.array(shift, dtype=np.uint64), np.array(factor, dtype=np.uint64))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
)
_LAST: Final = np.array(31, dtype=np.uint64)
_GRAM_SHARE: Final = 0.5


def sign_bits(buckets: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """Return a vector of zeros and ones for each bucket, shape (buckets, size): the bits of splitmix64.

    Args:
        buckets: Bucket numbers, shape (n,).
        size: Length of a vector; a multiple of 64.
    """
    counters = np.arange(1, size // 64 + 1, dtype=np.uint64)
    state = (buckets.view(np.uint64) << _PLACE)[:, None] + counters
    state *= _STEP
    for shift, factor in _MIX:
        state ^= state >> shift
        state *= factor
    state ^= state >> _LAST
    return np.unpackbits(state.astype("<u8", copy=False).view(np.uint8), axis=1)


def sketch_word(buckets: NDArray[np.int64], size: int) -> NDArray[np.float32]:
    """Return the unit sketch of one word, shape (size,): half its own vector of signs, half that of its n-grams.

    Words that share n-grams ("migrate", "migration") have similar sketches; words that share none are orthogonal up to
    the noise of the projection, about ``1 / sqrt(size)`` (Achlioptas 2003).

    Args:
        buckets: The word's own bucket, then those of its n-grams, below 256 in all.
        size: Length of a vector; a multiple of 64.
    """
    bits = sign_bits(buckets, size)
    grams = len(buckets) - 1
    # A sign is 2 * bit - 1. Bytes hold the counts, as a token has at most 41 characters and so 162 n-grams.
    counts = np.add.reduce(bits[1:], axis=0, dtype=np.uint8)
    mixed: NDArray[np.float32] = counts * np.float32(2 * (_GRAM_SHARE / max(grams, 1)) ** 0.5)
    mixed += bits[0] * np.float32(2 * (1 - _GRAM_SHARE) ** 0.5)
    mixed -= np.float32((_GRAM_SHARE * grams) ** 0.5 + (1 - _GRAM_SHARE) ** 0.5)
    mixed *= 1 / float(mixed @ mixed) ** 0.5
    return mixed
