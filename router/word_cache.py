"""Owns the word cache: what words are, found by the pieces of a text between its white space."""

import threading
from collections.abc import Callable, Sequence
from itertools import chain, islice
from sys import byteorder
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.features import END, START, WORDS, Places, edge_codes, role_codes, token_hash
from router.tokenizer import MAX_TOKENS, tokens_of

Vectors: TypeAlias = NDArray[np.float32]

CACHED_WORDS: Final = 8192
#: So many pieces of a text are remembered for each word: "card", "card?" and "card." are three.
_PIECES_A_WORD: Final = 2
#: Longer pieces are split each time: no text can make the cache large.
_LONGEST_PIECE: Final = 64

_made: Final[Any] = tuple.__new__
_PLACE: Final = np.dtype(np.intp)
_EDGES: Final = np.array([START, END], dtype=_PLACE).tobytes()
_MOST_BYTES: Final = MAX_TOKENS * _PLACE.itemsize


class Words:
    """Words up to a capacity; they are only ever added, so a reader needs no lock.

    Attributes:
        tokens: The words by their places; the first two are the edges of a text.
        places: The bytes of the places of a piece's words, of type intp: to join them is the quickest way to an array.
        vectors: Of each word, shape (places, width).
        codes: Its ``role_codes``, shape (places, 4).
    """

    __slots__ = ("codes", "places", "tokens", "vectors")

    def __init__(self, capacity: int, width: int, bits: int) -> None:
        """Hold the edges only."""
        self.tokens = ["", ""]
        self.places: dict[str, bytes] = {}
        self.vectors = np.zeros((WORDS + capacity, width), dtype=np.float32)
        self.codes = np.zeros((WORDS + capacity, 4), dtype=np.int64)
        self.codes[:WORDS] = edge_codes(bits)

    def __len__(self) -> int:
        return len(self.tokens) - WORDS


class Reading(NamedTuple):
    """A text as words of the cache.

    Attributes:
        frame: ``START`` and ``END``, then the place of each word, shape (2 + words,).
        known: Where those places are.
    """

    frame: Places
    known: Words

    @property
    def vectors(self) -> Vectors:
        """Return the vectors of the words, shape (words, width)."""
        return self.known.vectors.take(self.frame[WORDS:], axis=0)

    @property
    def tokens(self) -> list[str]:
        """Return the words themselves."""
        tokens = self.known.tokens
        return [tokens[place] for place in self.frame[WORDS:].tolist()]


class WordCache:
    """Bounded cache of what words are; when it is full it starts over, and readers keep the old one."""

    def __init__(self, compute: Callable[[str], Vectors], width: int, bits: int, capacity: int = CACHED_WORDS) -> None:
        """Keep at most ``capacity`` words (at least ``MAX_TOKENS``) of ``width`` floats each.

        Args:
            compute: From a word to its vector, shape (width,).
            width: Length of a vector.
            bits: Logarithm of the number of buckets.
            capacity: Number of words.
        """
        self._compute = compute
        self._width = width
        self._bits = bits
        self._capacity = max(capacity, MAX_TOKENS)
        self._lock = threading.Lock()
        self._words = Words(self._capacity, width, bits)

    def __len__(self) -> int:
        return len(self._words)

    def read(self, pieces: Sequence[str]) -> Reading:
        """Return the first ``MAX_TOKENS`` words of a text.

        Args:
            pieces: The text, as ``router.tokenizer.pieces`` splits it; or words, each of which is a piece.
        """
        known = self._words
        try:
            places = b"".join(map(known.places.__getitem__, pieces))
        except KeyError:
            places, known = self._learn(pieces)
        frame = np.frombuffer(_EDGES + places[:_MOST_BYTES], _PLACE)
        return _made(Reading, (frame, known))  # type: ignore[no-any-return]  # what Reading(...) does, more quickly

    def _learn(self, pieces: Sequence[str]) -> tuple[bytes, Words]:
        with self._lock:
            known = self._words
            split, missing = _unknown(pieces, known)
            if self._is_full(known, len(missing)):
                known = Words(self._capacity, self._width, self._bits)
                split, missing = _unknown(pieces, known)
            if missing:
                self._add(known, missing)
            places = known.places
            found = {
                piece: b"".join([places[word] for word in words if word in places]) for piece, words in split.items()
            }
            for piece, words in split.items():
                if len(piece) <= _LONGEST_PIECE and len(found[piece]) == len(words) * _PLACE.itemsize:
                    places[piece] = found[piece]
            self._words = known
            return b"".join([found[piece] if piece in found else places[piece] for piece in pieces]), known

    def _is_full(self, known: Words, missing: int) -> bool:
        return len(known) + missing > self._capacity or len(known.places) > (1 + _PIECES_A_WORD) * self._capacity

    def _add(self, known: Words, missing: Sequence[str]) -> None:
        begin = len(known.tokens)
        end = begin + len(missing)
        for place, token in enumerate(missing, begin):
            known.vectors[place] = self._compute(token)
        known.codes[begin:end] = role_codes([token_hash(token) for token in missing], self._bits)
        known.tokens += missing
        # Last: a reader that sees a place sees what lies there.
        for place, token in enumerate(missing, begin):
            known.places[token] = place.to_bytes(_PLACE.itemsize, byteorder)


def _unknown(pieces: Sequence[str], known: Words) -> tuple[dict[str, list[str]], list[str]]:
    """Return the words of the pieces that are not known, and those words that are not known and may count."""
    split = {piece: tokens_of(piece) for piece in pieces if piece not in known.places}
    first = islice(chain.from_iterable(split.values()), MAX_TOKENS)
    return split, [word for word in dict.fromkeys(first) if word not in known.places]
