"""Owns the word cache: what words are, found by the pieces of a text between its white space."""

import threading
from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.features import STAMP, WORDS, Places, edge_stamps, token_hash, word_stamps
from router.tokenizer import MAX_TOKENS, tokens_of

Vectors: TypeAlias = NDArray[np.float32]

CACHED_WORDS: Final = 8192
#: So many pieces of a text are remembered for each word: "card", "card?" and "card." are three.
_PIECES_A_WORD: Final = 2
#: Longer pieces are split each time: no text can make the cache large.
_LONGEST_PIECE: Final = 64

NUMBER: Final = np.dtype(np.intp)
EMPTY: Final = STAMP * WORDS  # length of the line of a text without words: that is where the first word would be
_STAMP_BYTES: Final = STAMP * NUMBER.itemsize
LONGEST: Final = (WORDS + MAX_TOKENS) * _STAMP_BYTES  # bytes of a line


class Words:
    """Words up to a capacity; they are only ever added, so a reader needs no lock.

    Attributes:
        tokens: The words by their places; the first two are the edges of a text.
        stamps: Of each of them, see ``word_stamps``.
        pieces: The stamps of a piece's words, joined.
        edges: Those of the edges of a text.
        vectors: Of each word, shape (places, width).
    """

    __slots__ = ("edges", "pieces", "stamps", "tokens", "vectors")

    def __init__(self, capacity: int, width: int, bits: int) -> None:
        """Hold the edges only."""
        self.tokens = ["", ""]
        self.stamps = edge_stamps(bits)
        self.pieces: dict[str, bytes] = {}
        self.edges = b"".join(self.stamps)
        self.vectors = np.empty((WORDS + capacity, width), dtype=np.float32)  # written before a place is told

    def __len__(self) -> int:
        return len(self.tokens) - WORDS


class Reading(NamedTuple):
    """A text as words of the cache.

    Attributes:
        line: The stamps of the edges, then those of the words, flat.
        known: Where their places are.
    """

    line: Places
    known: Words

    @property
    def places(self) -> Places:
        """Return the places of the words, shape (words,)."""
        return self.line[EMPTY::STAMP]

    @property
    def vectors(self) -> Vectors:
        """Return the vectors of the words, shape (words, width)."""
        return self.known.vectors.take(self.places, axis=0)

    @property
    def tokens(self) -> list[str]:
        """Return the words themselves."""
        tokens = self.known.tokens
        return [tokens[place] for place in self.places.tolist()]


class WordCache:
    """Bounded cache of what words are; when it is full it starts over, and readers keep the old one."""

    def __init__(
        self,
        compute: Callable[[str], Vectors],
        width: int,
        bits: int,
        capacity: int = CACHED_WORDS,
        meant: Callable[[str], str] = str,
    ) -> None:
        """Keep at most ``capacity`` words (at least ``MAX_TOKENS``) of ``width`` floats each.

        Args:
            compute: From a word to its vector, shape (width,).
            width: Length of a vector.
            bits: Logarithm of the number of buckets.
            capacity: Number of words.
            meant: What a word is read as; it has that word's vector and codes.
        """
        self._meant = meant
        self._compute = compute
        self._width = width
        self._bits = bits
        self._capacity = max(capacity, MAX_TOKENS)
        self._lock = threading.Lock()
        #: The words as they are now; replaced whole when they are too many.
        self.known = Words(self._capacity, width, bits)

    def __len__(self) -> int:
        return len(self.known)

    def read(self, pieces: Sequence[str]) -> Reading:
        """Return the first ``MAX_TOKENS`` words of a text, new ones computed first, one thread after the other.

        Who finds all pieces in ``known`` need not ask: the line is the stamps of the edges, then theirs.

        Args:
            pieces: The text, as ``router.tokenizer.pieces`` splits it; or words, each of which is a piece.
        """
        with self._lock:
            stamps, known = self._learn(pieces)
        return Reading(np.frombuffer((known.edges + stamps)[:LONGEST], NUMBER), known)

    def _learn(self, pieces: Sequence[str]) -> tuple[bytes, Words]:
        known = self.known
        split, missing = _unknown(pieces, known)
        if self._is_full(known, len(missing)):
            known = Words(self._capacity, self._width, self._bits)
            split, missing = _unknown(pieces, known)
        if missing:
            self._add(known, missing)
        stamps = known.pieces
        found = {piece: b"".join([stamps[word] for word in words if word in stamps]) for piece, words in split.items()}
        for piece, words in split.items():
            if len(piece) <= _LONGEST_PIECE and len(found[piece]) == len(words) * _STAMP_BYTES:
                stamps[piece] = found[piece]
        self.known = known
        return b"".join([found[piece] if piece in found else stamps[piece] for piece in pieces]), known

    def _is_full(self, known: Words, missing: int) -> bool:
        return len(known) + missing > self._capacity or len(known.pieces) > (1 + _PIECES_A_WORD) * self._capacity

    def _add(self, known: Words, missing: Sequence[str]) -> None:
        begin = len(known.tokens)
        meant = [self._meant(token) for token in missing]
        for place, token in enumerate(meant, begin):
            known.vectors[place] = self._compute(token)
        stamps = word_stamps([token_hash(token) for token in meant], begin, self._bits)
        known.tokens += missing
        known.stamps += stamps
        # Last: a reader that sees a place sees what lies there.
        known.pieces.update(zip(missing, stamps, strict=True))


def _unknown(pieces: Sequence[str], known: Words) -> tuple[dict[str, list[str]], list[str]]:
    """Return the words of the pieces that are not known, and those words that are not known and may count."""
    split = {piece: tokens_of(piece) for piece in pieces if piece not in known.pieces}
    first = islice(chain.from_iterable(split.values()), MAX_TOKENS)
    return split, [word for word in dict.fromkeys(first) if word not in known.pieces]
