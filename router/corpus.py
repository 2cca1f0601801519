"""Owns the corpus: texts as ragged arrays of feature rows, and the vocabulary that is learnt from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.base_encoder import BaseEncoder
from router.features import (
    GRAM,
    WORD,
    WORDS,
    Buckets,
    edge_stamps,
    order_buckets,
    token_hash,
    word_buckets,
    word_stamps,
)
from router.sketch import sketch_word
from router.spelling import Meant, as_written
from router.tokenizer import tokenize
from router.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Every feature of every text, before a vocabulary is chosen.

    Attributes:
        text: Number of the text, shape (occurrences,), rising.
        bucket: Bucket of the feature, shape (occurrences,).
        kind: Number of its kind, shape (occurrences,).
    """

    text: NDArray[np.int64]
    bucket: Buckets
    kind: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts in terms of a vocabulary.

    Attributes:
        rows: Row numbers of all texts' seen features, one text after the other, shape (occurrences,).
        weights: IDF of each, shape (occurrences,).
        starts: Where each text begins, and the end of the last, shape (texts + 1,).
        base: IDF-weighted sum of each text's word vectors from the base encoder, shape (texts, base).
        sketch: IDF-weighted sum of each text's word sketches, shape (texts, sketch).
    """

    rows: NDArray[np.int64]
    weights: NDArray[np.float32]
    starts: NDArray[np.int64]
    base: NDArray[np.float32]
    sketch: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.starts) - 1


def extract(texts: Sequence[str], bits: int, *, word_order: bool, meant: Meant = as_written) -> Occurrences:
    """Extract the features of texts into buckets below ``2**bits``, pairs of words only if ``word_order``.

    Each word has the features of the one that it is read as, ``meant``.
    """
    lines = [tokenize(text) for text in texts]
    words = list(dict.fromkeys(token for line in lines for token in line))
    slots = {word: slot for slot, word in enumerate(words, start=WORDS)}
    read_as = [meant(word) for word in words]
    of_word = [word_buckets(word, bits) for word in read_as]
    stamps = [*edge_stamps(bits), *word_stamps([token_hash(word) for word in read_as], WORDS, bits)]
    found = [_features([slots[token] for token in line], of_word, stamps if word_order else None) for line in lines]
    sizes = [len(buckets) for buckets, _ in found]
    return Occurrences(
        np.repeat(np.arange(len(texts), dtype=np.int64), sizes),
        np.concatenate([buckets for buckets, _ in found]),
        np.concatenate([kinds for _, kinds in found]),
    )


def learn_vocabulary(
    occurrences: Occurrences, texts: int, bits: int, min_df: Sequence[int], *, word_order: bool
) -> Vocabulary:
    """Keep the buckets that enough texts have, with ``ln((1 + N) / (1 + df)) + 1`` as their weight.

    Args:
        occurrences: The features of the texts.
        texts: Their number, N.
        bits: Logarithm of the number of buckets.
        min_df: For each kind of feature, the least number of texts that must have it.
        word_order: Whether pairs of words were extracted.
    """
    distinct = np.unique(occurrences.text << np.int64(bits) | occurrences.bucket)
    frequency = np.bincount(distinct & ((1 << bits) - 1), minlength=1 << bits)
    kind = np.zeros(1 << bits, dtype=np.int64)
    kind[occurrences.bucket] = occurrences.kind
    buckets = np.flatnonzero((frequency > 0) & (frequency >= np.asarray(min_df)[kind]))
    idf = (np.log((1 + texts) / (1 + frequency[buckets])) + 1).astype(np.float16)  # as it is served
    unseen_idf = float(np.log(1 + texts) + 1)
    return Vocabulary(bits, buckets.astype(np.int32), idf.astype(np.float32), unseen_idf, word_order)


def build_corpus(
    texts: Sequence[str],
    occurrences: Occurrences,
    vocabulary: Vocabulary,
    sketch_size: int,
    base: BaseEncoder | None = None,
    meant: Meant = as_written,
) -> Corpus:
    """Express texts in a vocabulary: features it does not have are left out, words keep their sketch.

    Args:
        texts: The texts.
        occurrences: Their features, from ``extract``.
        vocabulary: What counts as seen.
        sketch_size: Length of the sketches; a multiple of 64.
        base: The base encoder, if there is one.
        meant: What a word is read as, as in ``extract``.
    """
    rows = vocabulary.index[occurrences.bucket]
    seen = rows >= 0
    sizes = np.bincount(occurrences.text[seen], minlength=len(texts))
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    kept = rows[seen].astype(np.int64)
    bases, sketches = read_fixed(texts, vocabulary, sketch_size, base, lambda _: 1.0, meant)
    return Corpus(kept, vocabulary.idf[kept], starts, bases, sketches)


def read_fixed(
    texts: Sequence[str],
    vocabulary: Vocabulary,
    sketch_size: int,
    base: BaseEncoder | None,
    weigh: Callable[[str], float],
    meant: Meant = as_written,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the sums of the words' base vectors and of their sketches, shapes (texts, base) and (texts, sketch).

    Args:
        texts: The texts.
        vocabulary: Gives the IDF of a word.
        sketch_size: Length of the sketches; a multiple of 64.
        base: The base encoder, if there is one.
        weigh: A further factor on a word.
        meant: What a word is read as.
    """
    split = base.size if base else 0
    words: dict[str, NDArray[np.float32]] = {}
    sums = np.zeros((len(texts), split + sketch_size), dtype=np.float32)
    for at, text in enumerate(texts):
        for token in tokenize(text):
            if token not in words:
                word = meant(token)
                weight = vocabulary.word_idf(word) * weigh(word)
                words[token] = _fixed_word(word, vocabulary.bits, sketch_size, base) * np.float32(weight)
            sums[at] += words[token]
    return sums[:, :split], sums[:, split:]


def _features(
    slots: list[int], of_word: list[Buckets], stamps: list[bytes] | None
) -> tuple[Buckets, NDArray[np.int64]]:
    """Return buckets and kinds of one text's features; word pairs are among them if the words have ``stamps``."""
    buckets = [of_word[slot - WORDS] for slot in slots]
    kinds = [_word_kinds(len(of_one)) for of_one in buckets]
    if stamps is not None:
        raw = b"".join([*stamps[:WORDS], *(stamps[slot] for slot in slots)])
        found, template = order_buckets(np.frombuffer(raw, dtype=np.intp), slots, stamps)
        buckets.append(found)
        kinds.append(template.kind)
    none = np.zeros(0, dtype=np.int64)
    return np.concatenate([none, *buckets]), np.concatenate([none, *kinds])


def _word_kinds(size: int) -> NDArray[np.int64]:
    kinds = np.full(size, GRAM, dtype=np.int64)
    kinds[0] = WORD
    return kinds


def _fixed_word(token: str, bits: int, sketch_size: int, base: BaseEncoder | None) -> NDArray[np.float32]:
    buckets = word_buckets(token, bits)
    sketch = sketch_word(buckets, sketch_size)
    return np.concatenate([base.word(token, buckets), sketch]) if base else sketch
