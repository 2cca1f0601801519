import numpy as np

from router.corpus import build_corpus, extract, learn_vocabulary
from router.features import token_hash, word_buckets

TEXTS = ["a b", "a", ""]
ALL = (1, 1, 1, 1, 1)


def test_inverse_document_frequency_by_hand() -> None:
    """The word "a" is in two of three texts, "b" in one, and what no text has weighs most; to the digits of float16."""
    vocabulary = learn_vocabulary(extract(TEXTS, 20, word_order=True), 3, 20, ALL, word_order=True)
    weights = [vocabulary.word_idf(word) for word in ("a", "b", "c")]
    assert np.allclose(weights, [np.log(4 / 3) + 1, np.log(4 / 2) + 1, np.log(4) + 1], rtol=2**-11)


def test_rare_features_are_left_out() -> None:
    """A word in one text is not kept where two are asked for."""
    vocabulary = learn_vocabulary(extract(TEXTS, 20, word_order=True), 3, 20, (2, 9, 9, 9, 9), word_order=True)
    assert vocabulary.buckets.tolist() == word_buckets("a", 20)[:1].tolist()


def test_rows_belong_to_their_text() -> None:
    """Each text has its own stretch of rows; an empty one has only the edges of the text."""
    occurrences = extract(TEXTS, 20, word_order=True)
    vocabulary = learn_vocabulary(occurrences, 3, 20, (1, 9, 9, 9, 9), word_order=True)
    corpus = build_corpus(TEXTS, occurrences, vocabulary, 64)
    assert len(corpus) == 3
    assert corpus.starts.tolist() == [0, 2, 3, 3]
    assert not corpus.sketch[2].any()
    assert token_hash("a") != token_hash("b")


def test_without_word_order_the_words_are_all_there_is() -> None:
    """Neither the pairs of a text nor its edges become features, and an empty text has none."""
    occurrences = extract(["a b", ""], 20, word_order=False)
    assert occurrences.bucket.tolist() == [*word_buckets("a", 20), *word_buckets("b", 20)]
    assert occurrences.text.max() == 0
