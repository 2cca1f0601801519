"""Owns the features: which hashed n-grams a text has, and in which bucket each of them lies."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Buckets: TypeAlias = NDArray[np.int64]
Keys: TypeAlias = NDArray[np.uint64]

MIN_GRAM: Final = 2
MAX_GRAM: Final = 5
PAIR_TOKENS: Final = 40  # pairs grow with the square: only the first words of a text make them

# Odd constants of splitmix64 (Steele et al. 2014) and of the golden ratio: multiply, keep the high bits.
_FIRST: Final = np.uint64(0x9E3779B97F4A7C15)
_SECOND: Final = np.uint64(0xBF58476D1CE4E5B9)
_KIND: Final = np.uint64(0x94D049BB133111EB)

WORD, GRAM, BIGRAM, SKIP, PAIR = range(5)
_EDGE: Final = (zlib.crc32(b"^"), zlib.crc32(b"$"))


def token_hash(token: str) -> int:
    """Return the 32-bit CRC of a token: stable over runs, machines and ``PYTHONHASHSEED``."""
    return zlib.crc32(token.encode("utf-8", "surrogatepass"))


def buckets_of(first: Keys, second: Keys, kind: Keys, bits: int) -> Buckets:
    """Hash (first, second, kind) to buckets below ``2**bits`` (multiplicative hashing, Dietzfelbinger et al. 1997).

    Args:
        first: Hashes, shape (n,).
        second: Hashes of the partner word, shape (n,); zero for a feature of one word.
        kind: Numbers of kinds, shape (n,).
        bits: Logarithm of the number of buckets.
    """
    return _finish(first * _FIRST + second * _SECOND + kind * _KIND, bits)


def _finish(key: Keys, bits: int) -> Buckets:
    key ^= key >> np.uint64(29)
    key *= _SECOND
    key >>= np.uint64(64 - bits)
    return key.view(np.int64)


def gram_hashes(token: str) -> list[int]:
    """Return the hashes of the character n-grams of ``<token>``, lengths ``MIN_GRAM`` to ``MAX_GRAM``."""
    framed = f"<{token}>".encode("utf-32-le", "surrogatepass")
    size = len(framed)
    return [
        zlib.crc32(framed[at : at + 4 * length])
        for length in range(MIN_GRAM, MAX_GRAM + 1)
        for at in range(0, size - 4 * length + 1, 4)
    ]


def word_buckets(token: str, bits: int) -> Buckets:
    """Return the buckets of one token by itself: the word first, then its character n-grams, shape (1 + grams,)."""
    keys = np.array([token_hash(token), *gram_hashes(token)], dtype=np.uint64)
    kinds = np.full(len(keys), GRAM, dtype=np.uint64)
    kinds[0] = WORD
    return buckets_of(keys, np.zeros_like(keys), kinds, bits)


@dataclass(frozen=True, slots=True)
class Template:
    """Which positions make up each order feature of a text with n tokens, m of them distinct."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    kind: Keys
    salt: Keys


@lru_cache(maxsize=4096)
def order_template(n: int, m: int) -> Template:
    """Return the positions of bigrams, skip-bigrams (into ``^ tokens $``) and pairs (into the sorted distinct hashes).

    Args:
        n: Number of tokens.
        m: Number of distinct tokens.
    """
    bigrams = [(i, i + 1, BIGRAM) for i in range(n + 1)]
    skips = [(i, i + 2, SKIP) for i in range(n)]
    at = n + 2
    pairs = [(at + i, at + j, PAIR) for i in range(m) for j in range(i + 1, m)]
    first, second, kind = np.array([*bigrams, *skips, *pairs]).T
    kinds = kind.astype(np.uint64)
    return Template(first.astype(np.intp), second.astype(np.intp), kinds, kinds * _KIND)


def order_buckets(hashes: Sequence[int], bits: int) -> tuple[Buckets, Template]:
    """Return the buckets of a text's word pairs (ordered, with a gap, unordered) and their template.

    Args:
        hashes: ``token_hash`` of every token, in order; the caller bounds their number, as pairs grow with its square.
        bits: Logarithm of the number of buckets.
    """
    distinct = sorted(set(hashes))
    template = order_template(len(hashes), len(distinct))
    ids = np.array([_EDGE[0], *hashes, _EDGE[1], *distinct], dtype=np.uint64)
    key = (ids * _FIRST).take(template.first)
    key += (ids * _SECOND).take(template.second)
    key += template.salt
    return _finish(key, bits), template
