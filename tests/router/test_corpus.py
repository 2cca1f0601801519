import numpy as np

from router.base_encoder import bundled_base
from router.corpus import learn_vocabulary
from router.features import word_buckets
from router.reader import Reader
from router.vocabulary import Vocabulary

TEXTS = ["a b", "a", ""]


def learnt(min_df: tuple[int, ...]) -> Vocabulary:
    """Return what the three texts teach."""
    occurrences = Reader(20, word_order=True, sketch_size=64, base=bundled_base()).occurrences(TEXTS)
    return learn_vocabulary(occurrences, 3, 20, min_df, word_order=True)


def test_inverse_document_frequency_by_hand() -> None:
    """The word "a" is in two of three texts, "b" in one, and what no text has weighs most; to the digits of float16."""
    vocabulary = learnt((1, 1, 1, 1, 1))
    weights = [vocabulary.word_idf(word) for word in ("a", "b", "c")]
    assert np.allclose(weights, [np.log(4 / 3) + 1, np.log(4 / 2) + 1, np.log(4) + 1], rtol=2**-11)


def test_rare_features_are_left_out() -> None:
    """A word in one text is not kept where two are asked for, and a word twice in a text is in one text."""
    assert learnt((2, 9, 9, 9, 9)).buckets.tolist() == word_buckets("a", 20)[:1].tolist()
    again = Reader(20, word_order=False, sketch_size=64, base=bundled_base()).occurrences(["a a b", "b"])
    found = learn_vocabulary(again, 2, 20, (2, 9, 9, 9, 9), word_order=False)
    assert found.buckets.tolist() == word_buckets("b", 20)[:1].tolist()
