import numpy as np

from router.features import word_bucket
from router.vocabulary import Vocabulary


def test_unseen_buckets_have_no_rows() -> None:
    """A feature that training has not seen adds nothing to the trained part."""
    vocabulary = Vocabulary(10, np.array([3], dtype=np.int32), np.ones(1, dtype=np.float32), 7.0)
    assert vocabulary.seen(np.array([1, 3, 5])).tolist() == [0]


def test_a_word_that_training_has_not_seen_has_the_highest_idf() -> None:
    """It is not known, and rarer than any that is."""
    bucket = word_bucket("card", 20)
    vocabulary = Vocabulary(20, np.array([bucket], dtype=np.int32), np.ones(1, dtype=np.float32), 7.0)
    assert [(vocabulary.knows(word), vocabulary.word_idf(word)) for word in ("card", "bank")] == [
        (True, 1.0),
        (False, 7.0),
    ]
