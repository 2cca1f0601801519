from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from router.features import (
    BIGRAM,
    END,
    PAIR,
    PAIR_TOKENS,
    SKIP,
    STAMP,
    START,
    WORD,
    WORDS,
    edge_stamps,
    gram_hashes,
    order_buckets,
    role_codes,
    token_hash,
    word_buckets,
    word_stamps,
)

HASHES = [token_hash(f"w{number}") for number in range(40)]
STAMPS = [*edge_stamps(20), *word_stamps(HASHES, WORDS, 20)]
CODES = np.frombuffer(b"".join(STAMPS), dtype=np.intp).reshape(-1, STAMP)[:, 1:]
SLOTS = st.lists(st.integers(WORDS, WORDS + 7), max_size=40) | st.lists(st.integers(WORDS, WORDS + 39), max_size=40)
WRAP = (1 << 64) - 1


def naive_code(value: int, role: int, bits: int) -> int:
    """Compute the code of a word in one role with Python integers."""
    key = (value * 0x9E3779B97F4A7C15 + (role + 1) * 0x94D049BB133111EB) & WRAP
    key = ((key ^ key >> 32) * 0x94D049BB133111EB) & WRAP
    return (((key ^ key >> 29) * 0xBF58476D1CE4E5B9) & WRAP) >> (64 - bits)


def naive_order(slots: list[int]) -> list[tuple[int, int]]:
    """Enumerate buckets and kinds of bigrams, skip-bigrams and unordered pairs one by one."""
    kept = slots[:PAIR_TOKENS]
    framed = [START, *kept, END]
    found = [(CODES[a, 0] ^ CODES[b, 1], BIGRAM) for a, b in pairwise(framed)]
    if len(kept) > 1:
        found += [(CODES[a, 0] ^ CODES[b, 2], SKIP) for a, b in zip(framed, framed[2:], strict=False)]
    found += [(CODES[a, 3] ^ CODES[b, 3], PAIR) for i, a in enumerate(kept) for b in kept[i + 1 :]]
    return [(int(bucket), kind) for bucket, kind in found]


def test_a_crc_is_the_published_one() -> None:
    """The token hash is CRC-32, whose check value for "123456789" is 0xCBF43926."""
    assert token_hash("123456789") == 0xCBF43926


def test_grams_of_a_short_word_are_counted_by_hand() -> None:
    """<ab> has three bigrams, two trigrams and one 4-gram."""
    assert len(gram_hashes("ab")) == 6


def test_the_word_comes_first() -> None:
    """The first bucket of a word is the word itself, under its own kind."""
    key = (token_hash("ab") * 0x9E3779B97F4A7C15 + WORD * 0x94D049BB133111EB) & WRAP
    assert int(word_buckets("ab", 20)[0]) == (((key ^ key >> 29) * 0xBF58476D1CE4E5B9) & WRAP) >> 44


def test_codes_agree_with_the_naive_reference() -> None:
    """The vectorised codes are those of Python integers, for words and for the edges, which no word can equal."""
    hashes = [*HASHES, 0, (1 << 32) - 1]
    assert role_codes(hashes, 24).tolist() == [[naive_code(h, role, 24) for role in range(4)] for h in hashes]


def test_a_stamp_is_a_place_and_the_codes_of_a_word() -> None:
    """Words are numbered as asked for; the edges of a text come first, and no word equals them."""
    stamps = [np.frombuffer(one, dtype=np.intp).tolist() for one in word_stamps(HASHES, 7, 24)]
    assert stamps == [[7 + at, *codes] for at, codes in enumerate(role_codes(HASHES, 24).tolist())]
    edges = [np.frombuffer(one, dtype=np.intp).tolist() for one in edge_stamps(24)]
    codes = [[naive_code(h << 32, role, 24) for role in range(4)] for h in (1, 2)]
    assert edges == [[START, *codes[0]], [END, *codes[1]]]


def line_of(slots: list[int]) -> NDArray[np.intp]:
    """Return the line of a text of these words."""
    return np.frombuffer(b"".join(STAMPS[slot] for slot in (START, END, *slots)), dtype=np.intp)


@given(SLOTS)
def test_order_features_agree_with_the_naive_reference(slots: list[int]) -> None:
    """The templates find the same buckets as a loop, whether or not words repeat or are too many."""
    buckets, template = order_buckets(line_of(slots), len(slots))
    assert list(zip(buckets.tolist(), template.kind.tolist(), strict=True)) == naive_order(slots)


@given(SLOTS.filter(bool))
def test_every_order_feature_has_owners(slots: list[int]) -> None:
    """Both owners of a feature are words of the text, the same word at an edge of it."""
    _, template = order_buckets(line_of(slots), len(slots))
    places = [START, END, *slots]
    assert template.owners.min() >= 0
    for a, b, first, second in zip(*template.owners, *template.sides.reshape(2, -1) // STAMP, strict=True):
        sides = {places[first], places[second]} - {START, END}
        assert {slots[a], slots[b]} == sides


def test_pairs_count_as_often_as_they_stand_there() -> None:
    """Of ``a b a`` the unordered pairs are ab, aa and ba: two in one bucket, and one that says that a word repeats."""
    buckets, template = order_buckets(line_of([2, 3, 2]), 3)
    one, same, other = buckets[template.kind == PAIR].tolist()
    assert one == other == CODES[2, 3] ^ CODES[3, 3]
    assert same == 0


@given(st.integers(8, 24), st.text(min_size=1, max_size=9))
def test_buckets_are_in_range(bits: int, word: str) -> None:
    """No bucket lies outside the table, that of a pair neither."""
    buckets = [*word_buckets(word, bits), *role_codes([token_hash(word)], bits)[0]]
    assert all(0 <= bucket < 1 << bits for bucket in buckets)


def test_a_surrogate_has_a_hash() -> None:
    """A lone surrogate, which UTF-8 cannot hold, is hashed all the same."""
    assert len(word_buckets("\ud800", 20)) == 1 + len(gram_hashes("\ud800"))
