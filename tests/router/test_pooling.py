import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.encoder import Encoder
from router.features import PAIR_TOKENS, STAMP, order_buckets
from router.packed_rows import pack
from router.pooling import Parts
from router.vocabulary import Vocabulary
from router.word_cache import EMPTY

WORDS = st.lists(st.sampled_from(["fix", "this", "broken", "json", "?"]), max_size=40).map(" ".join)


def encoder_of(*, word_order: bool) -> Encoder:
    """Return an encoder with random rows for half of the buckets of a tiny table."""
    draw = np.random.default_rng(1)
    seen, idf = np.arange(0, 1024, 2, dtype=np.int32), draw.random(512).astype(np.float32)
    rows = pack(draw.normal(size=(512, 3)).astype(np.float32))
    return Encoder(Vocabulary(10, seen, idf, 2.0, word_order=word_order), rows, 64, 0.5)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """An encoder that knows pairs of words."""
    return encoder_of(word_order=True)


@given(WORDS)
def test_a_text_is_the_sum_of_its_words_and_of_the_rows_of_its_pairs(encoder: Encoder, text: str) -> None:
    """As ``order_buckets`` finds the pairs, those of the first words alone, each as often as it stands there."""
    _, vector, line, known = encoder.read(text)
    words = line[EMPTY::STAMP]
    buckets, template = order_buckets(line, len(words))
    assert template.owners.max(initial=0) < PAIR_TOKENS
    expected = known.vectors[words].sum(axis=0)
    rows = np.concatenate([encoder._rows.unpack(), np.zeros((1, 3), dtype=np.float32)])
    expected[:3] += rows[encoder.vocabulary.index[buckets]].sum(axis=0)
    assert np.allclose(vector, expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["words", "pairs"])
@given(text=WORDS)
def test_to_keep_the_parts_changes_nothing(kind: str, text: str) -> None:
    """The vector is the same to the bit whether or not the text is wanted taken apart, and the parts are its own."""
    reads = encoder_of(word_order=kind == "pairs")
    keep: list[Parts] = []
    kept = reads.read(text, keep)
    assert np.array_equal(kept[1], reads.read(text)[1])
    (parts,) = keep
    assert parts.vector is kept[1]
    assert parts.tokens == text.split()
    assert (len(parts.order.levels) > 0) == (kind == "pairs")
