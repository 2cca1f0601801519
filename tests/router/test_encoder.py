import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import EmbeddingRouter
from router.base_encoder import bundled_base
from router.encoder import Encoder
from router.features import (
    PAIR_TOKENS,
    STAMP,
    edge_stamps,
    order_template,
    role_codes,
    token_hash,
    word_buckets,
)
from router.packed_rows import pack
from router.tokenizer import tokenize
from router.vocabulary import Vocabulary
from router.word_cache import WordCache

TEXTS = st.text(alphabet=st.characters(exclude_categories=()), max_size=60)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """An encoder with random rows for every bucket of a tiny table."""
    draw = np.random.default_rng(0)
    vocabulary = Vocabulary(10, np.arange(1024, dtype=np.int32), draw.random(1024).astype(np.float32), 2.0)
    return Encoder(vocabulary, pack(draw.normal(size=(1024, 3)).astype(np.float32)), 64, 0.5)


def test_a_vector_is_the_sum_of_its_rows_by_hand(encoder: Encoder) -> None:
    """One word: its own row, its n-grams, and the two pairs it makes with the edges of the text."""
    word = role_codes([token_hash("ab")], 10)[0]
    start, end = np.frombuffer(b"".join(edge_stamps(10)), dtype=np.intp).reshape(2, STAMP)[:, 1:]
    buckets = [*word_buckets("ab", 10), start[0] ^ word[1], word[0] ^ end[1]]
    expected = encoder._rows.unpack()[buckets].sum(axis=0)
    assert np.allclose(encoder.encode("ab").vector[:3], expected, atol=1e-5)


@given(TEXTS)
def test_parts_sum_to_the_vector(encoder: Encoder, text: str) -> None:
    """What is explained is what was computed."""
    parts = encoder.parts(encoder.encode(text))
    total = parts.words.sum(axis=0)
    total[:3] += parts.order.step * parts.order.levels.sum(axis=0)
    assert np.allclose(parts.vector, total, atol=1e-3)
    assert len(parts.words) == len(parts.tokens)
    assert len(parts.order.levels) == order_template(min(len(parts.tokens), PAIR_TOKENS)).count


@given(TEXTS)
def test_without_word_order_a_text_is_its_words_and_nothing_else(encoder: Encoder, text: str) -> None:
    """A model that was trained on words alone looks up no pairs, and the order of the words does not matter."""
    known = encoder.vocabulary
    plain = Encoder(Vocabulary(10, known.buckets, known.idf, 2.0, word_order=False), encoder._rows, 64, 0.5)
    parts = plain.parts(plain.encode(text))
    assert len(parts.order.levels) == 0
    assert np.allclose(parts.vector, parts.words.sum(axis=0), atol=1e-3)
    assert np.allclose(parts.vector, plain.encode(" ".join(reversed(parts.tokens))).vector, atol=1e-3)


def test_a_base_encoder_stands_between_the_rows_and_the_sketch(encoder: Encoder) -> None:
    """Its vectors, weighted by IDF, are added up beside the rest, which they leave as it is."""
    base, known = bundled_base(), encoder.vocabulary
    based = Encoder(known, encoder._rows, 64, 0.5, base, 0.25).encode("pay the bill").vector
    plain = encoder.encode("pay the bill").vector
    assert np.allclose(np.delete(based, np.s_[3 : 3 + base.size]), plain, atol=1e-5)
    buckets = {word: word_buckets(word, 10) for word in ("pay", "the", "bill")}
    expected = sum(base.word(word, at) * known.word_idf(word) * 0.25 for word, at in buckets.items())
    assert np.allclose(based[3 : 3 + base.size], expected, atol=1e-5)


def test_only_the_last_text_is_recalled(encoder: Encoder) -> None:
    """A text is not computed twice in a row, and another one in between is never taken for it."""
    first = encoder.encode("one text")
    assert encoder.recall("one text").vector is first.vector
    other = encoder.recall("another")
    assert (other.text, other.reading.tokens) == ("another", ["another"])
    again = encoder.recall("one text")
    assert again.vector is not first.vector
    assert np.array_equal(again.vector, first.vector)


@given(TEXTS)
def test_the_cache_changes_nothing(encoder: Encoder, text: str) -> None:
    """A warm cache and a cold one give the same bits."""
    cold = Encoder(encoder.vocabulary, encoder._rows, 64, 0.5)
    encoder.encode(text)
    assert np.array_equal(cold.encode(text).vector, encoder.encode(text).vector)


def test_threads_that_read_while_others_learn_get_the_same_bits(encoder: Encoder) -> None:
    """Words that are known are read without a lock, though others are learnt and the cache starts over."""
    texts = [f"w{at} w{at + 1}? the w{at}" for at in range(200)]
    expected = [encoder.encode(text).vector for text in texts]
    fresh = Encoder(encoder.vocabulary, encoder._rows, 64, 0.5)
    fresh._cache = WordCache(fresh._word, fresh.width, 10, 1)
    wrong: list[str] = []

    def read(offset: int) -> None:
        asked = [at % len(texts) for at in range(offset, offset + 2 * len(texts))]
        wrong.extend(texts[at] for at in asked if not np.array_equal(fresh.encode(texts[at]).vector, expected[at]))

    threads = [threading.Thread(target=read, args=(7 * at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_empty_text_has_only_its_edges(router: EmbeddingRouter) -> None:
    """A text without tokens has no sketch, so that every score is zero."""
    assert tokenize(" \n") == []
    assert all(candidate.score == 0 for candidate in router.predict(" \n").candidates())
