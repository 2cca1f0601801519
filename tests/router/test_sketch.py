import numpy as np

from router.features import word_buckets
from router.sketch import signs, sketch_word


def sketch(word: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Sketch a word in 512 dimensions."""
    return sketch_word(word_buckets(word, 20), 512)


def test_signs_are_balanced_and_stable() -> None:
    """Half of all signs are positive, and the same bucket always has the same ones."""
    table = signs(np.arange(1000), 128)
    assert set(np.unique(table)) == {-1.0, 1.0}
    assert abs(float(table.mean())) < 0.01
    assert np.array_equal(table[5], signs(np.array([5]), 128)[0])


def test_a_sketch_has_length_one() -> None:
    """Only IDF decides how much a word weighs, not its spelling."""
    assert abs(float(np.linalg.norm(sketch("migration"))) - 1) < 1e-6


def test_related_words_are_nearer_than_strangers() -> None:
    """Shared n-grams show in the sketch."""
    assert sketch("migration") @ sketch("migrations") > 0.3
    assert abs(float(sketch("migration") @ sketch("weather"))) < 0.25
