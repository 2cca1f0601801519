"""Owns the encoder: a text becomes one vector, by one look-up a known word and one gather for its word pairs."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.features import PAIR_TOKENS, order_buckets, token_hash, word_buckets
from router.sketch import sketch_word
from router.tokenizer import MAX_TOKENS, tokenize

Vector: TypeAlias = NDArray[np.float32]

CACHED_WORDS: Final = 4096


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The buckets that training has seen, with their inverse document frequency.

    Attributes:
        bits: Logarithm of the number of buckets.
        buckets: Seen buckets in rising order, shape (features,).
        idf: Inverse document frequency of each, shape (features,).
        unseen_idf: That of a feature no training text has.
    """

    bits: int
    buckets: NDArray[np.int32]
    idf: NDArray[np.float32]
    unseen_idf: float
    index: NDArray[np.int32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        index = np.full(1 << self.bits, -1, dtype=np.int32)
        index[self.buckets] = np.arange(len(self.buckets), dtype=np.int32)
        object.__setattr__(self, "index", index)

    def seen(self, buckets: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the row numbers of those buckets that training has seen, in their order."""
        rows = self.index.take(buckets)
        return rows[rows >= 0]

    def word_idf(self, bucket: int) -> float:
        """Return the inverse document frequency of a word, given its bucket."""
        row = self.index[bucket]
        return float(self.idf[row]) if row >= 0 else self.unseen_idf


class _Generation:
    """Word vectors up to a capacity; rows are only ever appended, so a reader needs no lock."""

    __slots__ = ("hashes", "slots", "vectors")

    def __init__(self, capacity: int, width: int) -> None:
        self.slots: dict[str, int] = {}
        self.vectors = np.zeros((capacity, width), dtype=np.float32)
        self.hashes = np.zeros(capacity, dtype=np.uint64)


class WordCache:
    """Bounded cache from words to vectors; when it is full it starts over, and readers keep the old one."""

    def __init__(self, compute: Callable[[str], Vector], width: int, capacity: int = CACHED_WORDS) -> None:
        """Keep at most ``capacity`` words (at least ``MAX_TOKENS``) of ``width`` floats each."""
        self._compute = compute
        self._width = width
        self._capacity = max(capacity, MAX_TOKENS)
        self._lock = threading.Lock()
        self._generation = _Generation(self._capacity, width)

    def __len__(self) -> int:
        return len(self._generation.slots)

    def lookup(self, tokens: Sequence[str]) -> tuple[Vector, NDArray[np.uint64]]:
        """Return vectors, shape (tokens, width), and hashes, shape (tokens,), of at most ``MAX_TOKENS`` words."""
        generation = self._generation
        try:
            slots = [generation.slots[token] for token in tokens]
        except KeyError:
            generation = self._fill(tokens)
            slots = [generation.slots[token] for token in tokens]
        return generation.vectors.take(slots, axis=0), generation.hashes.take(slots)

    def _fill(self, tokens: Sequence[str]) -> _Generation:
        with self._lock:
            generation = self._generation
            missing = [token for token in dict.fromkeys(tokens) if token not in generation.slots]
            if len(generation.slots) + len(missing) > self._capacity:
                generation = _Generation(self._capacity, self._width)
                missing = list(dict.fromkeys(tokens))
            for token in missing:
                slot = len(generation.slots)
                generation.vectors[slot] = self._compute(token)
                generation.hashes[slot] = token_hash(token)
                generation.slots[token] = slot  # last: a reader that sees the slot sees the vector
            self._generation = generation
            return generation


@dataclass(frozen=True, slots=True)
class Parts:
    """What a text's vector is the sum of.

    Attributes:
        tokens: The words, in order.
        words: Their vectors, shape (tokens, width).
        pairs: Rows of the word pairs, shape (pairs, trained).
        first: Position of the first word of each pair, shape (pairs,); -1 for an edge of the text.
        second: Position of the second one.
    """

    tokens: list[str]
    words: Vector
    pairs: Vector
    first: NDArray[np.intp]
    second: NDArray[np.intp]

    def total(self) -> Vector:
        """Return the text's vector, shape (width,)."""
        total: Vector = self.words.sum(axis=0)
        total[: self.pairs.shape[1]] += self.pairs.sum(axis=0)
        return total


class Encoder:
    """Linear pooling of trained rows (word, character n-grams, word pairs), with a fixed sketch of the words behind.

    The trained part tells the trained labels apart. The sketch, a random projection that no training touched, is what
    an agent added later is recognised by, and what keeps unknown words from going unnoticed: they lengthen the vector
    and so lower every trained score.
    """

    def __init__(self, vocabulary: Vocabulary, rows: Vector, sketch_size: int, sketch_weight: float) -> None:
        """Serve these rows.

        Args:
            vocabulary: The seen buckets.
            rows: Trained rows with IDF folded in, shape (features, trained).
            sketch_size: Length of the sketch; a multiple of 64.
            sketch_weight: Factor on the sketch.
        """
        self.vocabulary = vocabulary
        self.trained = rows.shape[1]
        self.width = self.trained + sketch_size
        self._rows = rows
        self._sketch_size = sketch_size
        self._sketch_weight = sketch_weight
        self._cache = WordCache(self._word, self.width)

    def encode(self, text: str) -> Vector:
        """Return the sum of all parts of a text, shape (width,); its length is not normalised."""
        tokens = tokenize(text)
        vectors, hashes = self._cache.lookup(tokens)
        total: Vector = np.add.reduce(vectors, axis=0)
        buckets, _ = order_buckets(hashes[:PAIR_TOKENS].tolist(), self.vocabulary.bits)
        seen = self.vocabulary.seen(buckets)
        total[: self.trained] += np.add.reduce(self._rows.take(seen, axis=0), axis=0)
        return total

    def parts(self, text: str) -> Parts:
        """Return the parts that ``encode`` sums, each with the words it belongs to."""
        tokens = tokenize(text)
        vectors, hashes = self._cache.lookup(tokens)
        ids = hashes[:PAIR_TOKENS].tolist()
        buckets, template = order_buckets(ids, self.vocabulary.bits)
        rows = self.vocabulary.index[buckets]
        known = rows >= 0
        positions = np.array([-1, *range(len(ids)), -1, *(ids.index(h) for h in sorted(set(ids)))])
        pairs = self._rows.take(rows[known], axis=0)
        return Parts(tokens, vectors, pairs, positions[template.first[known]], positions[template.second[known]])

    def _word(self, token: str) -> Vector:
        buckets = word_buckets(token, self.vocabulary.bits)
        trained = self._rows.take(self.vocabulary.seen(buckets), axis=0).sum(axis=0)
        idf = self.vocabulary.word_idf(int(buckets[0]))
        sketch = sketch_word(buckets, self._sketch_size) * np.float32(idf * self._sketch_weight)
        return np.concatenate([trained, sketch]).astype(np.float32)
