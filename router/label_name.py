"""Owns the label's name as a text: the words in it, where they say what the label is about."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

_APART: Final = re.compile(r"[\W\d_]+")
_FEWEST_LETTERS: Final = 2


def names_in_words(names: Sequence[str]) -> list[str]:
    """Return each name's words with spaces between; an empty text where it has none that says anything.

    A name is split at whatever is no letter and before a capital (``cardArrival``, ``HTTPServer``). Single letters and
    numbers tell nothing of a request, and neither do words that more than half of the names share: ``A17`` and
    ``intent_3`` are empty.

    Args:
        names: Of all labels of one router.
    """
    words = [[one for one in _split(name) if len(one) >= _FEWEST_LETTERS] for name in names]
    shared = Counter(word for line in words for word in {one.lower() for one in line})
    return [" ".join(one for one in line if 2 * shared[one.lower()] <= len(names)) for line in words]


def _split(name: str) -> list[str]:
    return [part for piece in _APART.split(name) for part in _capitals(piece)]


def _capitals(piece: str) -> list[str]:
    """Split letters where a small one is followed by a capital, and before the last of several capitals in a row."""
    begins = [0]
    for at in range(1, len(piece)):
        before, after = piece[at - 1], piece[at + 1 : at + 2]
        if piece[at].isupper() and (before.islower() or (before.isupper() and after.islower())):
            begins.append(at)
    return [piece[begin:end] for begin, end in zip(begins, [*begins[1:], len(piece)], strict=True)]
