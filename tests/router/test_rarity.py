import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.base_encoder import bundled_base
from router.features import word_bucket, word_buckets
from router.rarity import Heard, Hearsay, Rarity
from router.vocabulary import Vocabulary
from router.word_cache import CACHED_WORDS

BITS = 20


def vocabulary(texts: int, frequency: dict[str, int]) -> Vocabulary:
    """Return what training on so many texts would know of these words."""
    ordered = sorted((word_bucket(word, BITS), count) for word, count in frequency.items())
    idf = [math.log((1 + texts) / (1 + count)) + 1 for _, count in ordered]
    buckets = np.array([bucket for bucket, _ in ordered], dtype=np.int32)
    return Vocabulary(BITS, buckets, np.array(idf, dtype=np.float32), math.log(1 + texts) + 1)


TRAINED = vocabulary(9, {"refund": 1, "please": 7})


def test_a_word_weighs_by_the_texts_of_training_and_the_cards_by_hand() -> None:
    """Nine texts and a card of two: "refund" stands in 1 + 1 of 11, and in the one card; relative to training's own."""
    rarity = Rarity(TRAINED, None, Hearsay([Heard(2, {"refund": 1})]))
    by_text, by_card, trained = math.log(12 / 3) + 1, math.log(2 / 2) + 1, math.log(10 / 2) + 1
    assert rarity.in_request("refund") == pytest.approx(by_card * by_text**0.5 / trained, rel=1e-6)
    assert rarity.in_card("refund") == pytest.approx(1 / trained, rel=1e-6)


def test_a_card_is_measured_by_hand() -> None:
    """Two texts, "refund" in both, "please" twice in one: each weighs its texts to the power 0.7."""
    heard = Rarity(TRAINED, None).measure([["refund", "please", "please"], ["refund"]])
    assert (heard.texts, heard.words) == (2, {"refund": 2, "please": 1})
    assert heard.length == pytest.approx((2**1.4 + 1) ** 0.5)
    assert Rarity(TRAINED, None).measure([[]]) == Heard(1, {}, 0.0)


def test_a_card_has_the_same_length_in_whatever_order_its_words_come() -> None:
    """The hash of a word differs between processes; what is measured does not, to the bit."""
    rarity, words = Rarity(TRAINED, bundled_base()), [f"word{at}" for at in range(50)] + ["the", "refund", "tool"]
    lengths = {rarity.measure([words[at:] + words[:at]]).length for at in range(len(words))}
    assert len(lengths) == 1


def test_what_training_gave_a_word_is_no_part_of_what_is_asked() -> None:
    """The weights that multiply vectors of training are relative to it; those of the words themselves are not."""
    rarity = Rarity(TRAINED, bundled_base(), Hearsay([Heard(2, {"refund": 1})]))
    trained = math.log(10 / 2) + 1
    assert rarity.asked("refund") == pytest.approx(rarity.in_request("refund") * trained, rel=1e-6)
    assert rarity.in_text("refund") == pytest.approx(rarity.in_card("refund") * trained, rel=1e-6)


def test_a_word_that_nobody_has_used_is_the_rarest() -> None:
    """By hand: in none of eleven texts, and not in the one card."""
    rarity = Rarity(TRAINED, None, Hearsay([Heard(2, {})]))
    weight = (math.log(2) + 1) * (math.log(12) + 1) ** 0.5 / (math.log(10) + 1)
    assert rarity.in_request("xyzzy") == pytest.approx(weight)


def test_what_is_common_in_running_text_weighs_little() -> None:
    """The base encoder knows how frequent a word is before any card has it."""
    rarity = Rarity(TRAINED, bundled_base())
    assert rarity.in_request("the") < rarity.in_request("gondola") / 10
    assert rarity.in_card("the") < rarity.in_card("gondola") / 10


def test_a_word_in_every_card_weighs_less_than_before() -> None:
    """What all agents say of themselves tells none of them apart."""
    others, all_of_them = [Heard(1, {"other": 1})] * 50, [Heard(1, {"tool": 1})] * 50
    before, after = (Rarity(TRAINED, None, Hearsay(cards)).in_request("tool") for cards in (others, all_of_them))
    assert after < before / 2


CARDS = st.dictionaries(st.sampled_from("abc"), st.integers(1, 4)).map(lambda words: Heard(4, words))


@settings(deadline=None, max_examples=50)
@given(st.lists(CARDS, max_size=5), st.lists(CARDS, max_size=5))
def test_a_card_that_went_leaves_no_trace(stay: list[Heard], go: list[Heard]) -> None:
    """Counted and taken away again, in whatever order: what is known is what those that stayed say."""
    hearsay = Hearsay([*go, *stay])
    for heard in go:
        hearsay.count(heard, -1)
    now, fresh = hearsay.copy(), Hearsay(stay)
    assert (now.texts, now.cards, now.words, now.spread) == (fresh.texts, fresh.cards, fresh.words, fresh.spread)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(["refund", "please", "the", "tool", "xyzzy"]), max_size=20))
def test_the_words_of_a_request_weigh_as_each_by_itself(tokens: list[str]) -> None:
    """Kept or computed anew, a weight is the same."""
    rarity = Rarity(TRAINED, bundled_base(), Hearsay([Heard(3, {"tool": 3})]))
    for _ in range(2):
        assert rarity.of_request(tokens) == pytest.approx([rarity.in_request(one) for one in tokens], rel=1e-6)


def test_what_is_kept_is_bounded() -> None:
    """A stream of words that nobody has said before does not fill the memory."""
    rarity = Rarity(TRAINED, None)
    for begin in range(0, 3 * CACHED_WORDS, 100):
        rarity.of_request([f"w{at}" for at in range(begin, begin + 100)])
    assert len(rarity._requests) <= CACHED_WORDS + 100


@settings(deadline=None)
@given(st.text(min_size=1, max_size=20), st.integers(10, 24))
def test_the_bucket_of_a_word_is_the_first_of_its_buckets(token: str, bits: int) -> None:
    """Computed alone or with its n-grams, a word lies in the same bucket."""
    assert word_bucket(token, bits) == word_buckets(token, bits)[0]
