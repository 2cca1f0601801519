"""Owns the sketch: a fixed random projection of words and their n-grams, drawn from the hash itself, never stored."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

# The constants of splitmix64, as arrays without dimensions: numbers would be converted for each operation.
_STEP: Final = np.array(0x9E3779B97F4A7C15, dtype=np.uint64)
_MIX: Final = np.array([0xBF58476D1CE4E5B9, 0x94D049BB133111EB], dtype=np.uint64)
_SHIFTS: Final = np.array([16, 30, 27, 31], dtype=np.uint64)
_GRAM_SHARE: Final = 0.5
_OWN: Final = np.float32(2 * (1 - _GRAM_SHARE) ** 0.5)


def sign_bits(buckets: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """Return a vector of zeros and ones for each bucket, shape (buckets, size): the bits of splitmix64.

    Steele et al. 2014.

    Args:
        buckets: Bucket numbers, shape (n,).
        size: Length of a vector; a multiple of 64.
    """
    place, *shifts = _SHIFTS[:, None]
    state = (buckets.view(np.uint64) << place)[:, None] + np.arange(1, size // 64 + 1, dtype=np.uint64)
    state *= _STEP
    for shift, factor in zip(shifts, _MIX[:, None], strict=False):
        state ^= state >> shift
        state *= factor
    state ^= state >> shifts[2]
    return np.unpackbits(state.astype("<u8", copy=False).view(np.uint8), axis=1)


class Signs(NamedTuple):
    """What the sketches of some words are made of.

    Attributes:
        own: The bits of each word itself, shape (words, size).
        counts: How many of its n-grams have a bit set, shape (words, size).
        grams: Their number.
    """

    own: NDArray[np.uint8]
    counts: NDArray[np.uint8]
    grams: list[int]

    def sketch(self, size: int) -> NDArray[np.float32]:
        """Return the unit sketch of each word, shape (words, size): half its own vector of signs, half its n-grams'.

        Words that share n-grams ("migrate", "migration") have similar sketches; words that share none are orthogonal up
        to the noise of the projection, about ``1 / sqrt(size)`` (Achlioptas 2003).

        Args:
            size: Length of a vector; a multiple of 64, at most that of the bits.
        """
        # A sign is 2 * bit - 1.
        mixed = self.counts[:, :size] * _column([2 * (_GRAM_SHARE / max(grams, 1)) ** 0.5 for grams in self.grams])
        mixed += self.own[:, :size] * _OWN
        mixed -= _column([(_GRAM_SHARE * grams) ** 0.5 + (1 - _GRAM_SHARE) ** 0.5 for grams in self.grams])
        mixed *= _column([1 / float(row.dot(row)) ** 0.5 for row in mixed])
        return mixed


def count_signs(buckets: NDArray[np.int64], begins: Sequence[int], size: int) -> Signs:
    """Add up the signs of words.

    Args:
        buckets: Of each word its own, then those of its n-grams, below 256 in all, one word after the other.
        begins: Where those of each begin.
        size: Length of a vector; a multiple of 64.
    """
    bits = sign_bits(buckets, size)
    own = bits.take(begins, axis=0)
    # Eight bytes are added at once: they hold the counts, as a token has at most 41 characters and so 162 n-grams.
    counts = np.add.reduceat(bits.view(np.uint64), begins, axis=0).view(np.uint8)
    counts -= own
    return Signs(own, counts, [end - begin - 1 for begin, end in pairwise([*begins, len(buckets)])])


def sketch_word(buckets: NDArray[np.int64], size: int) -> NDArray[np.float32]:
    """Return the unit sketch of one word, shape (size,); see ``Signs.sketch``.

    Args:
        buckets: The word's own bucket, then those of its n-grams.
        size: Length of a vector; a multiple of 64.
    """
    sketch: NDArray[np.float32] = count_signs(buckets, [0], size).sketch(size)[0]
    return sketch


def _column(numbers: list[float]) -> NDArray[np.float32]:
    return np.array(numbers, dtype=np.float32)[:, None]
