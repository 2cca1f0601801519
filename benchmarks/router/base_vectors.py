"""Word vectors from running text: positive pointwise mutual information, then a truncated singular value decomposition.

Levy and Goldberg 2014 (PPMI and SVD in place of a network), Halko et al. 2011 (the randomised decomposition).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from router.tokenizer import tokenize


@dataclass(frozen=True, slots=True)
class Recipe:
    """How vectors are made.

    Attributes:
        words: Most frequent words that count as context and get a vector.
        size: Length of a vector.
        window: Words to either side that count as context.
        least: Least number of occurrences of a word.
        rounds: Power iterations of the decomposition.
        seed: Of the random projection.
    """

    words: int = 30_000
    size: int = 192
    window: int = 8
    least: int = 3
    rounds: int = 3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class WordVectors:
    """Unit vectors, float32, shape (words, size), of words from the most frequent one down, and their share of all."""

    words: list[str]
    vectors: NDArray[np.float32]
    frequencies: NDArray[np.float64]
    tokens: int


def learn(lines: Sequence[str], recipe: Recipe) -> WordVectors:
    """Learn word vectors from lines; no context crosses the end of a line."""
    tokens = [tokenize(line) for line in lines]
    counts = Counter(token for line in tokens for token in line)
    words = [word for word, count in counts.most_common(recipe.words) if count >= recipe.least]
    number = {word: at for at, word in enumerate(words)}
    gap = [-1] * recipe.window
    sequence = np.array([at for line in tokens for at in (*(number.get(token, -1) for token in line), *gap)])
    left, right, weight = information(*cooccurrences(sequence, len(words), recipe.window), len(words))
    vectors = decompose(left, right, weight, len(words), recipe)
    every = sum(counts.values())
    frequencies = np.array([counts[word] / every for word in words])
    return WordVectors(words, centred(vectors, np.sqrt(frequencies)), frequencies, every)


def cooccurrences(
    sequence: NDArray[np.int64], words: int, window: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return which words occur near which, and how often, in both directions.

    Args:
        sequence: Numbers of words in running order, -1 where there is none.
        words: Number of words.
        window: Greatest distance.
    """
    keys = []
    for distance in range(1, window + 1):
        one, other = sequence[:-distance], sequence[distance:]
        both = (one >= 0) & (other >= 0)
        keys += [one[both] * words + other[both], other[both] * words + one[both]]
    pairs, counts = np.unique(np.concatenate(keys), return_counts=True)
    return pairs // words, pairs % words, counts.astype(np.float64)


def information(
    left: NDArray[np.int64], right: NDArray[np.int64], counts: NDArray[np.float64], words: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the pairs whose pointwise mutual information is positive, with it, in nats."""
    total = np.bincount(left, counts, words)
    value = np.log(counts * counts.sum() / (total[left] * total[right]))
    kept = value > 0
    return left[kept], right[kept], value[kept]


def decompose(
    left: NDArray[np.int64], right: NDArray[np.int64], weight: NDArray[np.float64], words: int, recipe: Recipe
) -> NDArray[np.float32]:
    """Return left singular vectors times the root of their singular values, shape (words, size)."""
    places = torch.from_numpy(np.stack([left, right]))
    entries = torch.sparse_coo_tensor(places, torch.from_numpy(weight).float(), (words, words), check_invariants=True)
    matrix = entries.coalesce().to_sparse_csr()  # symmetric: its own transpose
    generator = torch.Generator().manual_seed(recipe.seed)
    basis = torch.randn(words, recipe.size + 32, generator=generator)
    for _ in range(2 * recipe.rounds + 1):
        basis = torch.linalg.qr(matrix @ basis)[0]
    turned, values, _ = torch.linalg.svd((matrix @ basis).T, full_matrices=False)
    vectors = (basis @ turned)[:, : recipe.size] * values[: recipe.size].sqrt()
    return np.asarray(vectors.numpy(), dtype=np.float32)


def centred(vectors: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the directions of vectors less what all of them share, shape (words, size)."""
    directions = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    apart = directions - (weights @ directions) / weights.sum()
    return np.asarray(apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-9), dtype=np.float32)
