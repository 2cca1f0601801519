"""Owns the encoder: a text becomes one vector, by one look-up a known word and one gather for its word pairs."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.base_encoder import BaseEncoder
from router.features import STAMP, Places, Template, order_buckets, order_template, word_buckets
from router.packed_rows import PackedRows
from router.sketch import sketch_word
from router.spelling import Meant, as_written
from router.tokenizer import MAX_CHARS, MAX_TOKENS, pieces, tokenize
from router.vocabulary import Vocabulary
from router.word_cache import EMPTY, LONGEST, NUMBER, Reading, WordCache, Words

Vector: TypeAlias = NDArray[np.float32]

_join: Final = b"".join
_frombuffer: Final = np.frombuffer
_FLOAT: Final = np.dtype(np.float32)
_made: Final[Any] = tuple.__new__  # what a named tuple does when it is called, without the Python in between
#: So many ones, by their number: a product with them adds rows the fastest.
_ONES: Final = tuple(np.ones(count, dtype=np.float32) for count in range(MAX_TOKENS + 1))


class WordOrder(NamedTuple):
    """The word pairs of a text.

    Attributes:
        levels: Their rows before their scales, shape (pairs, trained).
        scales: Their factors, shape (pairs,); zero for one that training has not seen.
        template: The words they are made of.
    """

    levels: Vector
    scales: Vector
    template: Template


class Encoded(NamedTuple):
    """A text as the encoder reads it: its vector, and where the parts lie that this is the sum of.

    Attributes:
        text: The text itself.
        vector: The sum of all parts, shape (width,); its length is not normalised.
        line: The words, in order, see ``Reading``.
        known: Where their places are.
        pairs: Row numbers of the word pairs, -1 for one that training has not seen, shape (pairs,).
        template: The words that the pairs are made of.
    """

    text: str
    vector: Vector
    line: Places
    known: Words
    pairs: Places
    template: Template

    @property
    def reading(self) -> Reading:
        """Return the words."""
        return Reading(self.line, self.known)


#: What an ``Encoded`` is, without its class: to make one of it takes a fortieth of a decision.
Plain: TypeAlias = tuple[str, Vector, Places, Words, Places, Template]


class Parts(NamedTuple):
    """A text taken apart: its vector, and what that is the sum of.

    Attributes:
        vector: The sum of all parts, shape (width,); its length is not normalised.
        words: Vectors of the words in order, shape (tokens, width).
        order: What their order adds.
        tokens: The words themselves.
    """

    vector: Vector
    words: Vector
    order: WordOrder
    tokens: list[str]


class Encoder:
    """Linear pooling of trained rows (words, character n-grams, word pairs), with a fixed part of the words behind.

    The trained part tells the trained labels apart. The fixed part is what an agent added later is recognised by, and
    what keeps unknown words from going unnoticed: they lengthen the vector and so lower every trained score. It is the
    words' vectors from the base encoder, if there is one, then their sketch, a random projection.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        rows: PackedRows,
        sketch_size: int,
        sketch_weight: float,
        base: BaseEncoder | None = None,
        base_weight: float = 0.0,
        meant: Meant = as_written,
    ) -> None:
        """Serve these rows.

        Args:
            vocabulary: The seen buckets.
            rows: Trained rows with IDF folded in, one for each seen bucket.
            sketch_size: Length of the sketch; a multiple of 64.
            sketch_weight: Factor on the sketch.
            base: The base encoder, if the model was trained with one.
            base_weight: Factor on its vectors.
            meant: What a word is read as.
        """
        self.vocabulary = vocabulary
        self.trained = rows.size
        self.width = self.trained + (base.size if base else 0) + sketch_size
        self._rows = rows
        self._index = vocabulary.index
        self._has_order = vocabulary.word_order
        self._sketch_size = sketch_size
        self._sketch_weight = sketch_weight
        self._base = base
        self._base_weight = base_weight
        self._meant = meant
        self._cache = WordCache(self._word, self.width, vocabulary.bits, meant=meant)
        self._no_pairs = np.zeros(0, dtype=np.intp), order_template(0)
        none = np.zeros((0, self.trained), dtype=_FLOAT)
        self._no_order = WordOrder(none, none[:, 0], self._no_pairs[1])
        self._last: Plain | None = None

    def encode(self, text: str) -> Encoded:
        """Read a text."""
        return Encoded._make(self.read(text))

    def read(self, text: str, keep: list[Parts] | None = None) -> Plain:
        """Return what ``encode`` returns, for who is in a hurry.

        Args:
            text: The text.
            keep: If given, the text taken apart is put there, as ``parts`` gives it.
        """
        known = self._cache.known
        split = pieces(text)
        try:
            line = _frombuffer(_join([known.edges, *map(known.pieces.__getitem__, split)])[:LONGEST], NUMBER)
        except KeyError:
            line, known = self._cache.read(split)
        # One reference, replaced whole: another thread sees this text or another one, never a mixture. What is large
        # is not kept, so that the next text finds its memory in the cache of the core.
        self._last = read = self._sum(text, line, known, keep)
        return read

    def read_again(self, text: str, stamps: bytearray, known: Words) -> Plain:
        """Return what ``read`` returns for a text that is words with spaces between, told where they are known.

        Args:
            text: The words.
            stamps: The line that was read of them, see ``Reading``.
            known: Where their places are.
        """
        if len(text) > MAX_CHARS:  # not all of it counts
            return self.read(text)
        return self._sum(text, _frombuffer(stamps, NUMBER), known, None)

    def _sum(self, text: str, line: Places, known: Words, keep: list[Parts] | None) -> Plain:
        """Look up words and pairs and add them up; in one function of local names, for this is half of a decision."""
        places = line[EMPTY::STAMP]
        words = len(places)
        pairs, template = self._no_pairs
        if self._has_order:
            buckets, template = order_buckets(line, words)
            # What training has not seen is at -1, where a row of zeros lies.
            pairs = self._index.take(buckets)
            # First: it frees more memory than the words need, and leaves it warm.
            if keep is None:
                order = self._rows.sum(pairs)
            else:  # the same sum, to the bit
                levels, scales = self._rows.levels(pairs).astype(_FLOAT), self._rows.factors(pairs)
                order = scales.dot(levels)
        of_words = known.vectors.take(places, 0)
        vector: Vector = _ONES[words].dot(of_words)
        if self._has_order:
            trained = vector[: self.trained]
            trained += order
        if keep is not None:
            kept = _made(WordOrder, (levels, scales, template)) if self._has_order else self._no_order
            tokens = known.tokens
            tokens = [tokens[place] for place in places.tolist()]
            keep.append(_made(Parts, (vector, of_words, kept, tokens)))
        return text, vector, line, known, pairs, template

    def parts(self, read: Plain) -> Parts:
        """Take a text apart."""
        _, vector, line, known, pairs, template = read
        places, order = line[EMPTY::STAMP], self._no_order
        if self._has_order:
            order = WordOrder(self._rows.levels(pairs).astype(_FLOAT), self._rows.factors(pairs), template)
        tokens = list(map(known.tokens.__getitem__, places.tolist()))
        return Parts(vector, known.vectors.take(places, 0), order, tokens)

    def words(self, tokens: Sequence[str]) -> Vector:
        """Return the vectors of at most ``MAX_TOKENS`` words, shape (words, width)."""
        return self._cache.read(tokens).vectors

    def recall(self, text: str) -> Encoded:
        """Return what ``encode`` returns, without computing it again for the text that was encoded last."""
        last = self._last
        return Encoded._make(last if last is not None and last[0] == text else self.read(text))

    def read_as(self, text: str) -> dict[str, str]:
        """Return the words of a text that are read as others, each with the word that is meant, in their order."""
        return {token: meant for token in tokenize(text) if (meant := self._meant(token)) != token}

    def _word(self, token: str) -> Vector:
        buckets = word_buckets(token, self.vocabulary.bits)
        seen = self.vocabulary.seen(buckets)
        trained = self._rows.sum(seen)
        idf = self.vocabulary.word_idf(token)
        sketch = sketch_word(buckets, self._sketch_size) * np.float32(idf * self._sketch_weight)
        if self._base is None:
            return np.concatenate([trained, sketch])
        return np.concatenate([trained, self._base.word(token, buckets) * np.float32(idf * self._base_weight), sketch])
