"""Owns the pool: the words and word pairs of a text looked up and added up, prepared once for an encoder."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.features import PAIR_TOKENS, STAMP, Places, order_template
from router.packed_rows import PackedRows
from router.tokenizer import MAX_TOKENS
from router.vocabulary import Vocabulary
from router.word_cache import EMPTY, Words

Vector: TypeAlias = NDArray[np.float32]

_FLOAT: Final = np.dtype(np.float32)
_made: Final[Any] = tuple.__new__  # what a named tuple does when it is called, without the Python in between


class WordOrder(NamedTuple):
    """The word pairs of a text.

    Attributes:
        levels: Their rows in steps, shape (pairs, trained); of zeros for one that training has not seen.
        step: Times the levels it is the rows.
    """

    levels: Vector
    step: float


class Parts(NamedTuple):
    """A text taken apart: its vector, and what that is the sum of.

    Attributes:
        vector: The sum of all parts, shape (width,); its length is not normalised.
        words: Vectors of the words in order, shape (tokens, width).
        order: What their order adds.
        tokens: The words themselves.
    """

    vector: Vector
    words: Vector
    order: WordOrder
    tokens: list[str]


#: A text as it was read: the text, its vector, its line and where the words of that are known, as ``Encoded`` has them.
Plain: TypeAlias = tuple[str, Vector, Places, Words]


#: Looks up words and pairs of a text and adds them up: from its line, where the words of that are known, and a list for
#: the text taken apart, if that is wanted.
Pool: TypeAlias = Callable[[Places, Words, list[Parts] | None], Vector]


def prepare_pool(vocabulary: Vocabulary, rows: PackedRows) -> Pool:
    """Return what adds up a text: one function of local names, for this is half of a decision.

    Args:
        vocabulary: The seen buckets.
        rows: Trained rows.
    """
    words_only, bag = slice(EMPTY, None, STAMP), slice(rows.size)
    add_words = tuple(np.ones(count, dtype=np.float32).dot for count in range(MAX_TOKENS + 1))
    no_order = WordOrder(np.zeros((0, rows.size), dtype=np.float32), rows.step)
    if not vocabulary.word_order:

        def sum_words(line: Places, known: Words, keep: list[Parts] | None) -> Vector:
            places = line[words_only]
            of_words = known.vectors.take(places, 0)
            vector: Vector = add_words[len(places)](of_words)
            if keep is not None:
                tokens = known.tokens
                keep.append(_made(Parts, (vector, of_words, no_order, [tokens[place] for place in places.tolist()])))
            return vector

        return sum_words
    templates = tuple(order_template(min(count, PAIR_TOKENS)) for count in range(MAX_TOKENS + 1))
    steps = np.full(max(one.count for one in templates), rows.step, dtype=np.float32)
    shapes = tuple((one.sides, slice(one.count), slice(one.count, None), steps[: one.count].dot) for one in templates)
    row_of, levels_of, step = vocabulary.index.take, rows.levels.take, rows.step

    def sum_in_order(line: Places, known: Words, keep: list[Parts] | None) -> Vector:
        places = line[words_only]
        words = len(places)
        sides, first, second, add_pairs = shapes[words]
        codes = line.take(sides)  # and on as in ``order_buckets``
        # What training has not seen is at -1, where a row of zeros lies.
        levels = levels_of(row_of(codes[first] ^ codes[second]), 0)
        # First: it frees more memory than the words need, and leaves it warm.
        order = add_pairs(levels)
        of_words = known.vectors.take(places, 0)
        vector: Vector = add_words[words](of_words)
        in_bag = vector[bag]
        in_bag += order
        if keep is not None:
            tokens = known.tokens
            order = _made(WordOrder, (levels.astype(_FLOAT), step))
            keep.append(_made(Parts, (vector, of_words, order, [tokens[place] for place in places.tolist()])))
        return vector

    return sum_in_order
