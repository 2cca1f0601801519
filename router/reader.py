"""Owns the reader: what texts are made of whatever is learnt from them, found once for all runs of the loop."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.base_encoder import BaseEncoder
from router.corpus import Corpus, Occurrences
from router.features import (
    GRAM,
    WORD,
    WORDS,
    Buckets,
    edge_stamps,
    order_buckets,
    token_hash,
    word_buckets,
    word_stamps,
)
from router.sketch import sketch_word
from router.spelling import Meant
from router.tokenizer import tokenize
from router.vocabulary import Vocabulary

Fixed: TypeAlias = NDArray[np.float32]


class _Line(NamedTuple):
    """A text: which words it has, and the buckets and kinds of its features."""

    words: NDArray[np.int64]
    buckets: Buckets
    kinds: NDArray[np.int64]


class Reader:
    """Read texts into features and fixed vectors; each word and each text is read the first time it is met.

    The runs of the loop that one model takes learn from nearly the same texts, and judge them.

    Attributes:
        base: The base encoder.
        sketch_size: Length of a sketch.
    """

    def __init__(self, bits: int, *, word_order: bool, sketch_size: int, base: BaseEncoder) -> None:
        """Read nothing yet.

        Args:
            bits: Logarithm of the number of buckets.
            word_order: Whether pairs of words are features.
            sketch_size: Length of a sketch; a multiple of 64.
            base: The base encoder.
        """
        self.base, self.sketch_size = base, sketch_size
        self._bits, self._word_order = bits, word_order
        self._places: dict[str, int] = {}
        self._of_word: list[Buckets] = []
        self._stamps = edge_stamps(bits)
        self._fixed: Fixed = np.zeros((0, base.size + sketch_size), dtype=np.float32)
        self._lines: dict[str, _Line] = {}

    def occurrences(self, texts: Sequence[str]) -> Occurrences:
        """Return every feature of every text."""
        lines = self._read(texts)
        none = np.zeros(0, dtype=np.int64)
        return Occurrences(
            np.repeat(np.arange(len(texts), dtype=np.int64), [len(line.buckets) for line in lines]),
            np.concatenate([none, *(line.buckets for line in lines)]),
            np.concatenate([none, *(line.kinds for line in lines)]),
        )

    def corpus(self, texts: Sequence[str], vocabulary: Vocabulary) -> Corpus:
        """Express texts in a vocabulary: features it does not have are left out, words keep their fixed vectors."""
        occurrences = self.occurrences(texts)
        rows = vocabulary.index[occurrences.bucket]
        seen = rows >= 0
        sizes = np.bincount(occurrences.text[seen], minlength=len(texts))
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return Corpus(rows[seen].astype(np.int64), vocabulary.idf, starts, *self.fixed(texts, vocabulary))

    def fixed(
        self, texts: Sequence[str], vocabulary: Vocabulary, weigh: Callable[[str], float] = lambda _: 1.0
    ) -> tuple[Fixed, Fixed]:
        """Return the sums of the words' base vectors and of their sketches, shapes (texts, base) and (texts, sketch).

        Args:
            texts: The texts.
            vocabulary: Gives the IDF of a word.
            weigh: A further factor on a word.
        """
        lines = self._read(texts)
        weights = np.array(
            [vocabulary.word_idf(word) * weigh(word) for word in self._places],
            dtype=np.float32,
        )
        sums = np.zeros((len(texts), self._fixed.shape[1]), dtype=np.float32)
        for at, line in enumerate(lines):
            sums[at] = weights[line.words] @ self._fixed[line.words]
        return sums[:, : self.base.size], sums[:, self.base.size :]

    def _read(self, texts: Sequence[str]) -> list[_Line]:
        """Return texts taken apart."""
        tokens = {text: tokenize(text) for text in texts if text not in self._lines}
        self._meet(
            [word for word in dict.fromkeys(t for line in tokens.values() for t in line) if word not in self._places]
        )
        for text, line in tokens.items():
            self._lines[text] = self._take_apart([self._places[token] for token in line])
        return [self._lines[text] for text in texts]

    def _meet(self, words: Sequence[str]) -> None:
        """Learn what new words are made of."""
        if not words:
            return
        first = len(self._places)
        found = [word_buckets(word, self._bits) for word in words]
        self._stamps += word_stamps([token_hash(word) for word in words], WORDS + first, self._bits)
        vectors = [
            np.concatenate([self.base.word(word, buckets), sketch_word(buckets, self.sketch_size)])
            for word, buckets in zip(words, found, strict=True)
        ]
        self._of_word += found
        self._fixed = np.concatenate([self._fixed, vectors])
        self._places |= {word: place for place, word in enumerate(words, start=first)}

    def _take_apart(self, words: list[int]) -> _Line:
        """Return a text by its words; word pairs are among its features if they count."""
        buckets = [self._of_word[word] for word in words]
        kinds = [_word_kinds(len(of_one)) for of_one in buckets]
        if self._word_order:
            raw = b"".join([*self._stamps[:WORDS], *(self._stamps[WORDS + word] for word in words)])
            found, template = order_buckets(np.frombuffer(raw, dtype=np.intp), len(words))
            buckets.append(found)
            kinds.append(template.kind)
        none = np.zeros(0, dtype=np.int64)
        return _Line(np.array(words, dtype=np.int64), np.concatenate([none, *buckets]), np.concatenate([none, *kinds]))


def read_as(texts: Sequence[str], meant: Meant) -> list[str]:
    """Return texts with each word that is meant to be another one put right; the others as they are."""
    lines = [tokenize(text) for text in texts]
    right = [list(map(meant, line)) for line in lines]
    return [text if line == read else " ".join(read) for text, line, read in zip(texts, lines, right, strict=True)]


def _word_kinds(size: int) -> NDArray[np.int64]:
    kinds = np.full(size, GRAM, dtype=np.int64)
    kinds[0] = WORD
    return kinds
