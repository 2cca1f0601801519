from dataclasses import replace
from string import ascii_lowercase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import EmbeddingRouter
from router.base_encoder import bundled_base
from router.features import token_hash, word_bucket
from router.spelling import as_written, hash_slips, slip, spelling
from router.trained_model import TrainedModel
from router.vocabulary import Vocabulary
from tests.router.reference_spelling import slips

#: Words of a training, the most frequent first; all of them but the last are known to the base encoder.
TRAINED = ("transfer", "want", "went", "card", "refund", "zorblax")


def vocabulary(words: tuple[str, ...] = TRAINED) -> Vocabulary:
    """Return what training knows of these words, each rarer than the one before."""
    buckets = np.array([word_bucket(word, 20) for word in words], dtype=np.int32)
    order = buckets.argsort()
    return Vocabulary(20, buckets[order], (1.0 + np.arange(len(words), dtype=np.float32))[order], 9.0)


@given(st.text(ascii_lowercase, min_size=1, max_size=24))
def test_slips_are_those_of_the_naive_reference(word: str) -> None:
    """A letter left out, too many or another one, two neighbours the wrong way round, and nothing else but the word."""
    hashes = hash_slips(word)
    words = [slip(word, at) for at in range(len(hashes))]
    assert set(words) - {word} == slips(word)
    assert hashes.tolist() == [token_hash(one) for one in words]


def test_slips_of_two_letters_are_counted_by_hand() -> None:
    """Of "ab": one letter too many 2, swapped 1, another one 52, one left out 78."""
    assert len(hash_slips("ab")) == 2 + 1 + 52 + 78
    assert [slip("ab", at) for at in (0, 1, 2, 3, 29, 55, 81, 107)] == ["b", "a", "ba", "ab", "aa", "aab", "aab", "aba"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("trasnfer", "transfer"),
        ("transfe", "transfer"),
        ("transferr", "transfer"),
        ("tramsfer", "transfer"),
        ("refubd", "refund"),
        ("crad", "card"),
        ("wzant", "want"),
        ("wznt", "want"),  # or "went", which training has seen less often
    ],
)
def test_an_unknown_word_is_read_as_the_known_one_a_slip_away(written: str, meant: str) -> None:
    """The most frequent of those in training is meant."""
    assert spelling(vocabulary(), bundled_base())(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "transfer",  # seen
        "cart",  # known to the base encoder, though "card" is a slip away
        "zorblax",  # seen, though not known to the base encoder
        "zorblx",  # nobody but training knows "zorblax", and that remembers no words
        "crd",  # short
        "refünd",  # letters beyond a to z
        "refund1",
        "tarnsefr",  # two slips
        "transferrr" + "r" * 15,  # too long
        "",
    ],
)
def test_any_other_word_is_read_as_it_is_written(written: str) -> None:
    """What is known, what is short, what is no word of a to z, and what nothing known is near to."""
    assert spelling(vocabulary(), bundled_base())(written) == written


def test_the_first_letter_is_rarely_wrong() -> None:
    """A word with the same first letter goes before a more frequent one; where there is none, any other will do."""
    meant = spelling(vocabulary(("cold", "bold")), bundled_base())
    assert meant("bcold") == "bold"  # both are a slip away, and "cold" is the more frequent
    assert meant("xold") == "cold"


def test_what_is_meant_is_meant_as_it_is_written() -> None:
    """To read a word twice is to read it once."""
    meant = spelling(vocabulary(), bundled_base())
    for word in ("trasnfer", "wznt", "crad", "xyzzy"):
        assert meant(meant(word)) == meant(word)


@pytest.fixture
def read(trained_on_pairs: TrainedModel) -> EmbeddingRouter:
    """A router that reads misspelt words."""
    assert trained_on_pairs.manifest.spelling
    return EmbeddingRouter(trained_on_pairs.manifest, trained_on_pairs.arrays)


def test_a_misspelt_request_has_the_scores_of_the_right_one(read: EmbeddingRouter) -> None:
    """Words, their pairs with others and their order: all of it is that of the word that was meant, to the bit."""
    right, wrong = "Does this migration lock the accounts table?", "Does this migrtaion lock the acounts table?"
    assert read.predict(wrong).scoreboard.scores.tolist() == read.predict(right).scoreboard.scores.tolist()


def test_what_was_read_as_another_word_can_be_asked_for(read: EmbeddingRouter) -> None:
    """Each such word once, in the order of the text, beside the word that was meant; none of a text without slips."""
    assert read.read_as("Lock the migrtaion, the MIGRTAION and the acounts") == {
        "migrtaion": "migration",
        "acounts": "accounts",
    }
    assert read.read_as("Lock the migration") == {}


def test_reasons_name_the_words_as_they_were_written(read: EmbeddingRouter) -> None:
    """Who reads them knows the request, not what was made of it."""
    words = [word for word, _ in read.explain("repair the brokne migrtaion", read.names[0])]
    assert words == ["repair", "the", "brokne", "migrtaion"]


def test_a_model_that_was_trained_without_reads_words_as_they_are(trained_on_pairs: TrainedModel) -> None:
    """So that what is on record is decided again as it was, whatever the program has learnt since."""
    config = {name: value for name, value in trained_on_pairs.manifest.config.items() if name != "spelling"}
    plain = EmbeddingRouter(replace(trained_on_pairs.manifest, config=config), trained_on_pairs.arrays)
    right, wrong = (plain.predict(f"does this {word} lock the table?") for word in ("migration", "migrtaion"))
    assert right.scoreboard.scores.tolist() != wrong.scoreboard.scores.tolist()
    assert as_written("migrtaion") == "migrtaion"
