"""Owns the encoder: a text becomes one vector, by one look-up a known word and one gather for its word pairs."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from router.base_encoder import BaseEncoder
from router.features import Places, word_buckets
from router.packed_rows import PackedRows
from router.pooling import Parts, Plain, Vector, prepare_pool
from router.sketch import sketch_word
from router.spelling import Meant, as_written
from router.tokenizer import MAX_CHARS, pieces, tokenize
from router.vocabulary import Vocabulary
from router.word_cache import LONGEST, NUMBER, Reading, WordCache, Words

_join: Final = b"".join
_frombuffer: Final = np.frombuffer


class Encoded(NamedTuple):
    """A text as the encoder reads it: its vector, and where the parts lie that this is the sum of.

    Attributes:
        text: The text itself.
        vector: The sum of all parts, shape (width,); its length is not normalised.
        line: The words, in order, see ``Reading``.
        known: Where their places are.
    """

    text: str
    vector: Vector
    line: Places
    known: Words

    @property
    def reading(self) -> Reading:
        """Return the words."""
        return Reading(self.line, self.known)


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
        self._sketch_size = sketch_size
        self._sketch_weight = sketch_weight
        self._base = base
        self._base_weight = base_weight
        self._meant = meant
        self._cache = WordCache(self._word, self.width, vocabulary.bits, meant=meant)
        self._pool = prepare_pool(vocabulary, rows)
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
        folded = text[:MAX_CHARS].lower()
        split = folded.split() if folded.isascii() else pieces(text)  # as ``pieces`` does, a call less
        try:
            line = _frombuffer(_join([known.edges, *map(known.pieces.__getitem__, split)])[:LONGEST], NUMBER)
        except KeyError:
            line, known = self._cache.read(split)
        # One reference, replaced whole: another thread sees this text or another one, never a mixture. What is large
        # is not kept, so that the next text finds its memory in the cache of the core.
        self._last = read = text, self._pool(line, known, keep), line, known
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
        line = _frombuffer(stamps, NUMBER)
        return text, self._pool(line, known, None), line, known

    def parts(self, read: Plain) -> Parts:
        """Take a text apart."""
        _, _, line, known = read
        keep: list[Parts] = []
        self._pool(line, known, keep)
        return keep[0]

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
