"""Owns the features: which hashed n-grams and word pairs a text has, and in which bucket each of them lies."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from sys import byteorder
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Buckets: TypeAlias = NDArray[np.int64]
Keys: TypeAlias = NDArray[np.uint64]
Places: TypeAlias = NDArray[np.intp]

MIN_GRAM: Final = 2
MAX_GRAM: Final = 5
PAIR_TOKENS: Final = 24  # pairs grow with the square: only the first words of a text make them

# Odd constants of splitmix64 (Steele et al. 2014) and of the golden ratio: multiply, keep the high bits. Arrays
# without dimensions, because a number would be made one for each operation.
_FIRST: Final = np.array(0x9E3779B97F4A7C15, dtype=np.uint64)
_SECOND: Final = np.array(0xBF58476D1CE4E5B9, dtype=np.uint64)
_KIND: Final = np.array(0x94D049BB133111EB, dtype=np.uint64)
_HALF: Final = np.array(32, dtype=np.uint64)
_SHIFT: Final = np.array(29, dtype=np.uint64)
_MASK: Final = (1 << 64) - 1

WORD, GRAM, BIGRAM, SKIP, PAIR = range(5)
START, END, WORDS = range(3)  # where the edges of a text and its first word stand in a line
STAMP: Final = 5  # so many numbers stand for a word in a line
_PLACE: Final = np.dtype(np.intp).itemsize
_CODES: Final = (STAMP - 1) * _PLACE  # bytes of a word's codes
_EDGES: Final = (1 << 32, 2 << 32)  # no 32-bit hash of a word is one of them

# A word plays four roles in pairs; XOR of the codes of two roles is the bucket of the pair.
_LEADS, _FOLLOWS, _SKIPPED_TO, _TOGETHER = range(4)
_SIDES: Final = np.array([(_LEADS, _LEADS, _TOGETHER), (_FOLLOWS, _SKIPPED_TO, _TOGETHER)])  # by kind, from BIGRAM
_PAIRS: Final = np.stack(np.triu_indices(PAIR_TOKENS, 1))
_ROLES: Final = np.arange(1, 5, dtype=np.uint64) * _KIND


def token_hash(token: str) -> int:
    """Return the 32-bit CRC of a token: stable over runs, machines and ``PYTHONHASHSEED``."""
    return zlib.crc32(token.encode("utf-8", "surrogatepass"))


def _finish(key: Keys, bits: int) -> Buckets:
    key ^= key >> _SHIFT
    key *= _SECOND
    key >>= np.uint64(64 - bits)
    return key.view(np.int64)


def role_codes(hashes: Sequence[int], bits: int) -> Buckets:
    """Return the codes of words in their four roles, each below ``2**bits``, shape (words, 4).

    Args:
        hashes: ``token_hash`` of each word.
        bits: Logarithm of the number of buckets.
    """
    keys = np.array(hashes, dtype=np.uint64)[:, None] * _FIRST + _ROLES
    keys ^= keys >> _HALF
    keys *= _KIND
    return _finish(keys, bits)


def gram_hashes(token: str) -> list[int]:
    """Return the hashes of the character n-grams of ``<token>``, lengths ``MIN_GRAM`` to ``MAX_GRAM``."""
    framed = f"<{token}>".encode("utf-32-le", "surrogatepass")
    return list(map(zlib.crc32, map(framed.__getitem__, _grams(len(framed)))))


@lru_cache(maxsize=64)
def _grams(size: int) -> tuple[slice, ...]:
    """Return where the n-grams of a word of so many bytes lie, four bytes a character."""
    lengths = range(4 * MIN_GRAM, 4 * MAX_GRAM + 1, 4)
    return tuple(slice(at, at + length) for length in lengths for at in range(0, size - length + 1, 4))


def word_buckets(token: str, bits: int) -> Buckets:
    """Return the buckets of one token by itself: the word first, then its character n-grams, shape (1 + grams,).

    Multiplicative hashing (Dietzfelbinger et al. 1997) of the hash and the kind.
    """
    keys = np.array([token_hash(token), *gram_hashes(token)], dtype=np.uint64)
    keys *= _FIRST
    keys[1:] += _KIND  # GRAM times the constant; WORD is zero
    return _finish(keys, bits)


def word_bucket(token: str, bits: int) -> int:
    """Return the first of a token's ``word_buckets``: that of the word itself."""
    key = token_hash(token) * int(_FIRST) & _MASK
    return ((key ^ key >> 29) * int(_SECOND) & _MASK) >> (64 - bits)


def word_stamps(hashes: Sequence[int], first: int, bits: int) -> list[bytes]:
    """Return what stands for each word in the line of a text: its place, then its four role codes, as bytes.

    To join such bytes is the quickest way from words to an array, in which templates find what they need.

    Args:
        hashes: ``token_hash`` of each word.
        first: Place of the first of them; the others follow.
        bits: Logarithm of the number of buckets.
    """
    codes = role_codes(hashes, bits).tobytes()
    begins = range(0, len(codes), _CODES)
    return [(first + at).to_bytes(_PLACE, byteorder) + codes[b : b + _CODES] for at, b in enumerate(begins)]


def edge_stamps(bits: int) -> list[bytes]:
    """Return the stamps of the start and the end of a text; see ``word_stamps``."""
    return word_stamps(_EDGES, START, bits)


@dataclass(frozen=True, slots=True)
class Template:
    """Which numbers of a line make up each order feature of a text, for all texts of as many words.

    Attributes:
        sides: Index of the first code of each feature in a line, then that of the second, shape (2 * features,).
        kind: Number of the feature's kind, shape (features,).
        owners: Places of the two words of each feature, counted from the first word, shape (2, features); both are
            the same word where the other side is an edge of the text.
        count: Number of features.
    """

    sides: Places
    kind: NDArray[np.int64]
    owners: Places
    count: int


@cache
def order_template(tokens: int) -> Template:
    """Return the template of bigrams and skip-bigrams (into ``^ tokens $``) and unordered pairs.

    Args:
        tokens: Number of tokens, at most ``PAIR_TOKENS``: no further ones make pairs.
    """
    skips = tokens if tokens > 1 else 0
    line = np.array([START, *range(WORDS, WORDS + tokens), END])
    apart = line[1:-1]
    one, other = _PAIRS[:, _PAIRS[1] < tokens]
    kind = np.repeat((BIGRAM, SKIP, PAIR), (tokens + 1, skips, len(one)))
    sides = np.stack(
        [
            np.concatenate([line[:-1], line[:skips], apart[one]]),
            np.concatenate([line[1:], line[2 : 2 + skips], apart[other]]),
        ]
    )
    owners = np.where(sides < WORDS, sides[::-1], sides) - WORDS
    codes = STAMP * sides + 1 + _SIDES[:, kind - BIGRAM]  # a place comes before the codes
    return Template(codes.ravel(), kind, owners, len(kind))


def order_buckets(line: Places, tokens: int) -> tuple[Places, Template]:
    """Return the buckets of a text's word pairs (ordered neighbours, neighbours but one, unordered pairs), and whose.

    A pair counts as often as it stands in the text; where a word repeats, a pair of it with itself is bucket 0.

    Args:
        line: Stamps of start and end, then of each word, flat.
        tokens: How many words these are.
    """
    template = order_template(min(tokens, PAIR_TOKENS))
    codes = line.take(template.sides)
    count = template.count
    return codes[:count] ^ codes[count:], template
