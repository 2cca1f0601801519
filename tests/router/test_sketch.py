import numpy as np

from router.features import word_buckets
from router.sketch import sign_bits, sketch_word


def sketch(word: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Sketch a word in 512 dimensions."""
    return sketch_word(word_buckets(word, 20), 512)


def test_signs_are_balanced_and_stable() -> None:
    """Half of all bits are set, and the same bucket always has the same ones."""
    table = sign_bits(np.arange(1000), 128)
    assert set(np.unique(table)) == {0, 1}
    assert abs(float(table.mean()) - 0.5) < 0.005
    assert np.array_equal(table[5], sign_bits(np.array([5]), 128)[0])


def test_a_sketch_is_half_word_half_grams_by_the_naive_reference() -> None:
    """The counted bits give what the sum of the signs gives; the longest token does not overflow them."""
    for word in ("migration", "a", "\u4e16" * 41, "x" * 41):
        signs = sign_bits(word_buckets(word, 20), 512).astype(np.float64) * 2 - 1
        mixed = signs[0] * np.sqrt(0.5) + signs[1:].sum(axis=0) * np.sqrt(0.5 / (len(signs) - 1))
        assert np.allclose(sketch(word), mixed / np.linalg.norm(mixed), atol=1e-6)


def test_a_sketch_has_length_one() -> None:
    """Only IDF decides how much a word weighs, not its spelling."""
    assert abs(float(np.linalg.norm(sketch("migration"))) - 1) < 1e-6


def test_related_words_are_nearer_than_strangers() -> None:
    """Shared n-grams show in the sketch."""
    assert sketch("migration") @ sketch("migrations") > 0.3
    assert abs(float(sketch("migration") @ sketch("weather"))) < 0.25
