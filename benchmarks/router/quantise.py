"""Product quantisation of word vectors (Jegou et al. 2011): a few bytes a word instead of a few hundred."""

import numpy as np
from numpy.typing import NDArray

from router.base_encoder import COMMON, BaseEncoder
from router.features import token_hash

OPTIONS = 256  # what a byte can tell apart


def quantise(
    words: list[str], vectors: NDArray[np.float32], frequencies: NDArray[np.float64], length: int, seed: int
) -> BaseEncoder:
    """Return a base encoder in which each stretch of a vector is the nearest of 256.

    Args:
        words: From the most frequent one down; of two with the same hash the first is kept.
        vectors: Their vectors, shape (words, size).
        frequencies: Share of all words that each is, shape (words,).
        length: Of a stretch; divides the size.
        seed: Of the first guess.
    """
    found, first = np.unique(np.array([token_hash(word) for word in words], dtype=np.uint32), return_index=True)
    kept = vectors[first]
    generator = np.random.default_rng(seed)
    pairs = [cluster(kept[:, at : at + length], generator) for at in range(0, kept.shape[1], length)]
    codes = np.stack([nearest for _, nearest in pairs], axis=1).astype(np.uint8)
    rarities = np.rint(255 * COMMON / (COMMON + frequencies[first])).clip(1, 255).astype(np.uint8)
    return BaseEncoder(found, codes, np.stack([centres for centres, _ in pairs]).astype(np.float16), rarities)


def cluster(
    points: NDArray[np.float32], generator: np.random.Generator, rounds: int = 12
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return 256 centres of points and which one each point is nearest to, by Lloyd's algorithm.

    A centre that no point is nearest to stays where it is. Fewer points than centres are their own centres.
    """
    some = generator.permutation(len(points))[np.arange(OPTIONS) % len(points)]
    centres = points[some].astype(np.float32)
    for _ in range(rounds):
        nearest = _nearest(points, centres)
        members = np.bincount(nearest, minlength=OPTIONS)
        taken = members > 0
        for axis in range(points.shape[1]):
            sums = np.bincount(nearest, points[:, axis], OPTIONS)
            centres[taken, axis] = sums[taken] / members[taken]
    return centres, _nearest(points, centres)


def _nearest(points: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.int64]:
    distance = np.square(centres).sum(axis=1) - 2 * points @ centres.T
    return np.asarray(distance.argmin(axis=1), dtype=np.int64)
