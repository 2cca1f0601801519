from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from router.features import (
    BIGRAM,
    PAIR,
    SKIP,
    WORD,
    buckets_of,
    gram_hashes,
    order_buckets,
    token_hash,
    word_buckets,
)

HASHES = st.lists(st.integers(0, 2**32 - 1), max_size=12)


def naive_bucket(first: int, second: int, kind: int, bits: int) -> int:
    """Compute one bucket with Python integers."""
    wrap = (1 << 64) - 1
    key = (first * 0x9E3779B97F4A7C15 + second * 0xBF58476D1CE4E5B9 + kind * 0x94D049BB133111EB) & wrap
    key ^= key >> 29
    return ((key * 0xBF58476D1CE4E5B9) & wrap) >> (64 - bits)


def naive_order(hashes: list[int], bits: int) -> list[int]:
    """Enumerate bigrams, skip-bigrams and unordered pairs one by one."""
    framed = [token_hash("^"), *hashes, token_hash("$")]
    distinct = sorted(set(hashes))
    found = [naive_bucket(a, b, BIGRAM, bits) for a, b in pairwise(framed)]
    found += [naive_bucket(a, b, SKIP, bits) for a, b in zip(framed, framed[2:], strict=False)]
    return found + [naive_bucket(a, b, PAIR, bits) for i, a in enumerate(distinct) for b in distinct[i + 1 :]]


def test_a_crc_is_the_published_one() -> None:
    """The token hash is CRC-32, whose check value for "123456789" is 0xCBF43926."""
    assert token_hash("123456789") == 0xCBF43926


def test_grams_of_a_short_word_are_counted_by_hand() -> None:
    """<ab> has three bigrams, two trigrams and one 4-gram."""
    assert len(gram_hashes("ab")) == 6


def test_the_word_comes_first() -> None:
    """The first bucket of a word is the word itself, under its own kind."""
    assert int(word_buckets("ab", 20)[0]) == naive_bucket(token_hash("ab"), 0, WORD, 20)


@given(HASHES)
def test_order_features_agree_with_the_naive_reference(hashes: list[int]) -> None:
    """The vectorised hashing finds the same buckets as a loop over Python integers."""
    buckets, template = order_buckets(hashes, 20)
    assert buckets.tolist() == naive_order(hashes, 20)
    assert len(template.kind) == len(buckets)


@given(st.integers(8, 24), st.integers(0, 2**32 - 1), st.integers(0, 4))
def test_buckets_are_in_range(bits: int, value: int, kind: int) -> None:
    """No bucket lies outside the table."""
    one = np.array([value], dtype=np.uint64)
    assert 0 <= buckets_of(one, one, np.array([kind], dtype=np.uint64), bits)[0] < 1 << bits


def test_a_surrogate_has_a_hash() -> None:
    """A lone surrogate, which UTF-8 cannot hold, is hashed all the same."""
    assert len(word_buckets("\ud800", 20)) == 1 + len(gram_hashes("\ud800"))
