import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from router.features import STAMP, WORDS, edge_stamps, token_hash, word_stamps
from router.tokenizer import MAX_TOKENS, pieces, tokenize
from router.word_cache import WordCache

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=())) | st.text(st.sampled_from("aB1?\u00e4\u4e16_' \n"))


def cache_of_zeros(capacity: int = 1) -> WordCache:
    """Return a cache for whose words all vectors are zero."""
    return WordCache(lambda _: np.zeros(1, dtype=np.float32), 1, 10, capacity)


@given(st.lists(ANY_TEXT, max_size=4))
def test_a_text_is_read_as_it_is_tokenized(texts: list[str]) -> None:
    """Whatever texts came before, and the second time as the first: the tokens are those of the tokenizer."""
    cache = cache_of_zeros()
    for text in [*texts, *texts]:
        assert cache.read(pieces(text)).tokens == tokenize(text)
        assert cache.read(tokenize(text)).tokens == tokenize(text)


def test_a_text_of_many_words_is_cut_as_by_the_tokenizer() -> None:
    """No more than the first words count, of which a piece may have several."""
    text = "one,two?three " * MAX_TOKENS
    cache = cache_of_zeros()
    for _ in range(2):
        assert cache.read(pieces(text)).tokens == tokenize(text)


def test_pieces_do_not_fill_the_memory() -> None:
    """Pieces of the same few words are bounded too, and long ones are not kept at all."""
    cache = cache_of_zeros()
    most = 0
    for number in range(10 * MAX_TOKENS):
        cache.read(["?" * (number % 60 + 1) + "!" * (number // 60)])
        most = max(most, len(cache.known.pieces))
    assert most <= 3 * MAX_TOKENS + 2
    cache.read(["!?" * 40])
    assert "!?" * 40 not in cache.known.pieces


def test_a_full_cache_starts_over() -> None:
    """The cache is bounded, and still right after it was emptied."""
    cache = WordCache(lambda word: np.full(2, float(len(word)), dtype=np.float32), 2, 10, 1)
    for number in range(3 * MAX_TOKENS):
        reading = cache.read([str(number)])
        assert reading.vectors[0, 0] == len(str(number))
        place = int(reading.places[0])
        stamps = [*edge_stamps(10), *word_stamps([token_hash(str(number))], place, 10)]
        assert reading.line.tobytes() == b"".join(stamps)
        assert reading.known.stamps[place] == stamps[WORDS]
        assert len(reading.line) == STAMP * (WORDS + 1)
    assert len(cache) == MAX_TOKENS


def test_a_known_word_is_computed_once() -> None:
    """The second look-up of a word computes nothing."""
    computed: list[str] = []

    def compute(word: str) -> NDArray[np.float32]:
        computed.append(word)
        return np.zeros(1, dtype=np.float32)

    cache = WordCache(compute, 1, 10)
    cache.read(["a", "b", "a"])
    cache.read(["b", "b?"])
    assert computed == ["a", "b", "?"]
    cache.read(["?b", "b?"])
    assert computed == ["a", "b", "?"]


def test_threads_see_whole_vectors() -> None:
    """Readers of a cache that others fill and empty never see a wrong or half-written vector."""
    cache = WordCache(lambda word: np.full(8, float(word), dtype=np.float32), 8, 10, 1)
    wrong: list[float] = []

    def read(offset: int) -> None:
        for number in (number % 300 for number in range(offset, offset + 400)):
            wrong.extend(cache.read([str(number)]).vectors[0] - number)

    threads = [threading.Thread(target=read, args=(40 * at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(wrong)
