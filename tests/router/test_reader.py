import numpy as np

from router.base_encoder import bundled_base
from router.corpus import learn_vocabulary
from router.features import token_hash, word_buckets
from router.reader import Reader, read_as
from router.sketch import sketch_word

TEXTS = ["a b", "a", ""]


def reader(*, word_order: bool = True) -> Reader:
    """Return one that has read nothing."""
    return Reader(20, word_order=word_order, sketch_size=64, base=bundled_base())


def test_rows_belong_to_their_text() -> None:
    """Each text has its own stretch of rows; an empty one has only the edges of the text."""
    read = reader()
    vocabulary = learn_vocabulary(read.occurrences(TEXTS), 3, 20, (1, 9, 9, 9, 9), word_order=True)
    corpus = read.corpus(TEXTS, vocabulary)
    assert len(corpus) == 3
    assert corpus.starts.tolist() == [0, 2, 3, 3]
    assert not corpus.sketch[2].any()
    assert token_hash("a") != token_hash("b")


def test_without_word_order_the_words_are_all_there_is() -> None:
    """Neither the pairs of a text nor its edges become features, and an empty text has none."""
    occurrences = reader(word_order=False).occurrences(["a b", ""])
    assert occurrences.bucket.tolist() == [*word_buckets("a", 20), *word_buckets("b", 20)]
    assert occurrences.text.max() == 0


def test_fixed_vectors_are_sums_over_words_by_hand() -> None:
    """A word twice counts twice, by its IDF and the further factor; base and sketch lie in arrays of their own."""
    read, base = reader(), bundled_base()
    vocabulary = learn_vocabulary(read.occurrences(TEXTS), 3, 20, (1, 9, 9, 9, 9), word_order=True)
    found = read.fixed(["b c b"], vocabulary, {"a": 7.0, "b": 2.0, "c": 3.0}.__getitem__)
    b, c = (word_buckets(word, 20) for word in "bc")
    weights = 2 * 2.0 * vocabulary.word_idf("b"), 3.0 * vocabulary.unseen_idf
    expected = (
        weights[0] * base.word("b", b) + weights[1] * base.word("c", c),
        weights[0] * sketch_word(b, 64) + weights[1] * sketch_word(c, 64),
    )
    for one, other in zip(found, expected, strict=True):
        assert np.allclose(one, other, atol=1e-5)


def test_what_was_read_before_changes_nothing() -> None:
    """Texts give the same numbers, bit for bit, whatever the reader has met, and in whatever order."""
    texts = ["lock the table", "the log of the log", "Überprüfe die Tabelle"]
    fresh, experienced = reader(), reader()
    experienced.occurrences(["the last log", *reversed(texts)])
    for read in (fresh, experienced):
        read.occurrences(texts)
    vocabulary = learn_vocabulary(fresh.occurrences(texts), 3, 20, (1,) * 5, word_order=True)
    one, other = fresh.corpus(texts, vocabulary), experienced.corpus(texts, vocabulary)
    for name in ("rows", "starts", "base", "sketch"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_texts_are_put_right_word_by_word() -> None:
    """A text without a slip stays as it is, with its capitals and its spaces; another one is its words, put right."""
    right = {"teh": "the", "tabel": "table"}
    texts = ["Lock  the Table", "Lock teh  tabel!", ""]
    assert read_as(texts, lambda word: right.get(word, word)) == ["Lock  the Table", "lock the table !", ""]
