"""Owns the features: which hashed n-grams and word pairs a text has, and in which bucket each of them lies."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Buckets: TypeAlias = NDArray[np.int64]
Keys: TypeAlias = NDArray[np.uint64]
Places: TypeAlias = NDArray[np.intp]

MIN_GRAM: Final = 2
MAX_GRAM: Final = 5
PAIR_TOKENS: Final = 24  # pairs grow with the square: only the first words of a text make them
MAX_PAIRS: Final = 2 * PAIR_TOKENS + 1 + PAIR_TOKENS * (PAIR_TOKENS - 1) // 2

# Odd constants of splitmix64 (Steele et al. 2014) and of the golden ratio: multiply, keep the high bits. Arrays
# without dimensions, because a number would be made one for each operation.
_FIRST: Final = np.array(0x9E3779B97F4A7C15, dtype=np.uint64)
_SECOND: Final = np.array(0xBF58476D1CE4E5B9, dtype=np.uint64)
_KIND: Final = np.array(0x94D049BB133111EB, dtype=np.uint64)
_HALF: Final = np.array(32, dtype=np.uint64)
_SHIFT: Final = np.array(29, dtype=np.uint64)
_MASK: Final = (1 << 64) - 1

WORD, GRAM, BIGRAM, SKIP, PAIR = range(5)
START, END, WORDS = range(3)  # where the edges of a text and its first word stand in a frame
_EDGES: Final = (1 << 32, 2 << 32)  # no 32-bit hash of a word is one of them

# A word plays four roles in pairs; XOR of the codes of two roles is the bucket of the pair.
_LEADS, _FOLLOWS, _SKIPPED_TO, _TOGETHER = range(4)
_SIDES: Final = np.array([(_LEADS, _LEADS, _TOGETHER), (_FOLLOWS, _SKIPPED_TO, _TOGETHER)])  # by kind, from BIGRAM
_PAIRS: Final = np.stack(np.triu_indices(PAIR_TOKENS, 1))
_PACKERS: Final = tuple(Struct(f"{count}n") for count in range(PAIR_TOKENS))  # "n" is what intp is
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


def edge_codes(bits: int) -> Buckets:
    """Return the codes of the start and the end of a text, shape (2, 4); see ``role_codes``."""
    return role_codes(_EDGES, bits)


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


@dataclass(frozen=True, slots=True)
class Template:
    """Which places of a frame make up each order feature of a text, for all texts of one shape.

    Attributes:
        first: Index of the first code in a frame's codes, flattened from (places, 4), shape (features,).
        second: Index of the second code.
        kind: Number of the feature's kind, shape (features,).
        owners: Places of the two words of each feature, counted from the first word, shape (2, features); both are
            the same word where the other side is an edge of the text.
        distinct: How many distinct words stand behind the words in the frame; zero if no word repeats.
    """

    first: Places
    second: Places
    kind: NDArray[np.int64]
    owners: Places
    distinct: int


@lru_cache(maxsize=1024)
def order_template(tokens: int, distinct: int) -> Template:
    """Return the template of bigrams and skip-bigrams (into ``^ tokens $``) and unordered pairs of distinct words.

    Args:
        tokens: Number of tokens.
        distinct: How many of the first ``PAIR_TOKENS`` tokens are distinct, if any repeats; else zero.
    """
    n = min(tokens, PAIR_TOKENS)
    skips = n if n > 1 else 0
    line = np.array([START, *range(WORDS, WORDS + n), END])
    apart = np.arange(WORDS + tokens, WORDS + tokens + distinct) if distinct else line[1:-1]
    one, other = _PAIRS[:, _PAIRS[1] < len(apart)]
    kind = np.repeat((BIGRAM, SKIP, PAIR), (n + 1, skips, len(one)))
    left = np.concatenate([line[:-1], line[:skips], apart[one]])
    right = np.concatenate([line[1:], line[2 : 2 + skips], apart[other]])
    left_role, right_role = _SIDES[:, kind - BIGRAM]
    owners = np.stack([np.where(left < WORDS, right, left), np.where(right < WORDS, left, right)]) - WORDS
    return Template(4 * left + left_role, 4 * right + right_role, kind, owners, distinct)


def frame(places: Places) -> tuple[Places, Template]:
    """Arrange a text's words for its template: start, end, every word, and the distinct words if any repeats.

    Args:
        places: ``START``, ``END``, then a number above ``END`` for each token, the same for the same token.

    Returns:
        The same numbers, those of the distinct words behind them where needed, and the template that fits them.
    """
    tokens = len(places) - WORDS
    numbers = places.tolist()
    if len(set(numbers)) == len(numbers):
        return places, order_template(tokens, 0)
    distinct = dict.fromkeys(numbers[WORDS : WORDS + PAIR_TOKENS])
    if len(distinct) == PAIR_TOKENS:
        return places, order_template(tokens, 0)
    behind = _PACKERS[len(distinct)].pack(*distinct)  # an array of a list of numbers takes three times as long
    return np.frombuffer(places.tobytes() + behind, dtype=np.intp), order_template(tokens, len(distinct))


def order_buckets(codes: Buckets, template: Template) -> Buckets:
    """Return the buckets of a text's word pairs: ordered neighbours, neighbours but one, unordered pairs.

    Args:
        codes: ``role_codes`` of the frame's places, shape (places, 4).
        template: The one ``frame`` gave.
    """
    buckets: Buckets = codes.take(template.first)
    buckets ^= codes.take(template.second)
    return buckets
