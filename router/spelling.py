"""Owns the spelling: which word that training has seen an unknown word was meant to be."""

from collections.abc import Callable
from functools import lru_cache
from string import ascii_lowercase
from typing import Final, TypeAlias

from router.base_encoder import BaseEncoder
from router.vocabulary import Vocabulary
from router.word_cache import CACHED_WORDS

#: From a word as it is written to the word that was meant.
Meant: TypeAlias = Callable[[str], str]

#: Shorter words are too near to too many others.
_LEAST: Final = 4
_LETTERS: Final = frozenset(ascii_lowercase)


def as_written(token: str) -> str:
    """Return a word as it is: what a model means that was trained without a spelling."""
    return token


def spelling(vocabulary: Vocabulary, base: BaseEncoder) -> Meant:
    """Return what finds the word that was meant.

    A word that training has seen, or that the base encoder knows, is meant as it is written, and so is one of fewer
    than four letters or with anything but the letters a to z. Any other stands for the word one slip away (a letter
    left out, too many or another one, two neighbours the wrong way round) that training has seen and the base encoder
    knows; of several for one with the same first letter, then for the most frequent in training, then for the first in
    the alphabet; where there is none, for itself.

    Both must know it because training is remembered in buckets, where one of twenty unknown words seems known as well;
    of a few hundred words one slip away some would.

    Args:
        vocabulary: What training has seen.
        base: The base encoder.
    """

    @lru_cache(maxsize=CACHED_WORDS)
    def meant(token: str) -> str:
        if len(token) < _LEAST or not _LETTERS.issuperset(token) or vocabulary.knows(token) or base.knows([token])[0]:
            return token
        near = list(one_slip_away(token))
        known = [word for word, is_known in zip(near, base.knows(near), strict=True) if is_known]
        candidates = [
            (word[0] != token[0], vocabulary.word_idf(word), word) for word in known if vocabulary.knows(word)
        ]
        return min(candidates)[2] if candidates else token

    return meant


def one_slip_away(word: str) -> set[str]:
    """Return what a word may be meant to be if one slip was made in it: some 54 words a letter.

    Args:
        word: Of the letters a to z.
    """
    found: set[str] = set()
    for at in range(len(word) + 1):
        head, tail, rest = word[:at], word[at:], word[at + 1 :]
        found.update(head + letter + tail for letter in ascii_lowercase)
        if tail:
            found.add(head + rest)
            found.update(head + letter + rest for letter in ascii_lowercase)
        if rest:
            found.add(head + rest[0] + tail[0] + rest[1:])
    found.discard(word)
    return found
