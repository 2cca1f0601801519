from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.base_encoder import bundled_base
from router.rarity import Hearsay, Rarity
from router.shared_words import SharedWords
from router.tokenizer import MAX_TOKENS
from router.vocabulary import Vocabulary
from router.word_cache import CACHED_WORDS

UNTAUGHT = Vocabulary(20, np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32), 1.0)
WORDS = ["refund", "card", "the", "lost", "xyzzy", "please", "box", *(f"w{at}" for at in range(200))]
CARDS = [["refund", "the", "card"], ["lost", "card"], ["the", "box", "w1", "w2"], ["w3"]]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=MAX_TOKENS)


def shared(cards: list[list[str]], **options: int) -> SharedWords:
    """Return the scores of agents with a text each, among nobody else."""
    plain = Rarity(UNTAUGHT, bundled_base())
    heard = [plain.measure([card]) for card in cards]
    return SharedWords(heard, plain.among(Hearsay(heard)), **options)


def test_likeness_is_the_cosine_of_the_words_by_hand() -> None:
    """Words that weigh the same: one of a request's two is one of a card's four, there in both texts."""
    rarity = Rarity(UNTAUGHT, None)
    first, second = rarity.measure([["refund", "card"], ["refund", "lost", "box"]]), rarity.measure([["lost"]])
    found = SharedWords([first, second], rarity).score(["refund", "please"])
    assert found == pytest.approx([2**0.7 / (2**1.4 + 3) ** 0.5 / 2**0.5, 0.0])


def test_a_word_that_is_repeated_counts_again_by_hand() -> None:
    """A word that stands twice beside another is two long and one wide."""
    rarity = Rarity(UNTAUGHT, None)
    found = SharedWords([rarity.measure([["lost"]])], rarity).score(["lost", "lost", "card"])
    assert found == pytest.approx([2 / 5**0.5])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(WORDS[:4]), min_size=1, max_size=MAX_TOKENS))
def test_no_agent_is_more_like_a_request_than_itself(tokens: list[str]) -> None:
    """However often a request says its words, it is a cosine: 0 to 1."""
    found = shared(CARDS).score(tokens)
    assert ((found >= 0) & (found <= 1 + 1e-6)).all()


def test_what_all_agents_say_tells_less_than_what_one_says() -> None:
    """A request of a word that all cards have and one that a single card has is likest to that."""
    found = shared([["tool", "bank"], ["tool", "boat"], ["tool", "loan"]]).score(["tool", "boat"])
    assert found.argmax() == 1
    assert found[1] > 2 * found[0] > 0


def test_words_in_common_alone_count() -> None:
    """A card without any word of the request, or without any word at all, scores nothing: there is no noise."""
    assert shared([["lost", "card"], []]).score(["refund", "xyzzy"]).tolist() == [0.0, 0.0]


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_what_each_word_gives_sums_to_the_score(tokens: list[str]) -> None:
    """For every agent, whatever is asked, within a millionth."""
    words, plain = shared(CARDS), Rarity(UNTAUGHT, bundled_base())
    for card, score in zip(CARDS, words.score(tokens).tolist(), strict=True):
        assert sum(words.split(tokens, plain.measure([card]))) == pytest.approx(score, abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.lists(TEXTS, max_size=4), TEXTS)
def test_likeness_does_not_depend_on_what_was_asked_before(before: list[list[str]], tokens: list[str]) -> None:
    """A text scores the same to the bit whichever of its words were known already."""
    warm = shared(CARDS)
    for text in before:
        warm.score(text)
    assert warm.score(tokens).tolist() == shared(CARDS).score(tokens).tolist()


def test_what_is_kept_is_bounded_and_starts_over() -> None:
    """However small the bound, one text fits, and more words than that make the cache start over."""
    small = shared(CARDS, capacity_bytes=1)
    first = small.score(WORDS[:5]).tolist()
    for begin in range(0, len(WORDS), 50):
        small.score(WORDS[begin : begin + 50])
        assert 0 < len(small) <= MAX_TOKENS
    assert small.score(WORDS[:5]).tolist() == first


def test_a_few_agents_keep_no_more_words_than_the_encoder() -> None:
    """A stream of words that nobody has said before does not fill the memory, however little a word takes."""
    words = shared(CARDS)
    for begin in range(0, 2 * CACHED_WORDS, 100):
        words.score([f"new{at}" for at in range(begin, begin + 100)])
    assert 0 < len(words) <= CACHED_WORDS


def test_threads_that_meet_the_same_new_words_agree() -> None:
    """While the cache fills and starts over, every reader gets the scores of a lone one."""
    texts = [WORDS[at : at + 7] for at in range(0, 200, 3)]
    alone = [shared(CARDS).score(text).tolist() for text in texts]
    small = shared(CARDS, capacity_bytes=1)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: [small.score(text).tolist() for text in texts], range(8)))
    assert answers == [alone] * 8
