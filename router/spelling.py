"""Owns the spelling: which word that training has seen an unknown word was meant to be."""

import zlib
from collections.abc import Callable
from functools import lru_cache
from string import ascii_lowercase
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.base_encoder import BaseEncoder
from router.features import token_hash
from router.vocabulary import Vocabulary
from router.word_cache import CACHED_WORDS

#: From a word as it is written to the word that was meant.
Meant: TypeAlias = Callable[[str], str]

Hashes: TypeAlias = NDArray[np.uint32]

#: Shorter words are too near to too many others; longer ones are none that anybody means.
_LEAST: Final = 4
_MOST: Final = 24
_LETTERS: Final = frozenset(ascii_lowercase)
_COUNT: Final = len(ascii_lowercase)


def as_written(token: str) -> str:
    """Return a word as it is: what a model means that was trained without a spelling."""
    return token


def spelling(vocabulary: Vocabulary, base: BaseEncoder) -> Meant:
    """Return what finds the word that was meant.

    A word that training has seen, or that the base encoder knows, is meant as it is written, and so is one of fewer
    than 4 or more than 24 letters, or with anything but the letters a to z. Any other stands for the word one slip away
    (a letter left out, too many or another one, two neighbours the wrong way round) that training has seen and the base
    encoder knows; of several for one with the same first letter, then for the most frequent in training, then for the
    first in the alphabet; where there is none, for itself.

    Both must know it because training is remembered in buckets, where one of twenty unknown words seems known as well;
    of a few hundred words one slip away some would.

    Args:
        vocabulary: What training has seen.
        base: The base encoder.
    """

    @lru_cache(maxsize=CACHED_WORDS)
    def meant(token: str) -> str:
        if not _LEAST <= len(token) <= _MOST or not _LETTERS.issuperset(token):
            return token
        if vocabulary.knows(token) or base.knows(np.array([token_hash(token)], dtype=np.uint32))[0]:
            return token
        near = {slip(token, at) for at in np.flatnonzero(base.knows(hash_slips(token))).tolist()}
        seen = [(word[0] != token[0], vocabulary.word_idf(word), word) for word in near if vocabulary.knows(word)]
        return min(seen)[2] if seen else token

    return meant


def slip(word: str, at: int) -> str:
    """Return one of the words that may have been meant, by its place among those of ``hash_slips``."""
    size = len(word)
    if at < size:
        return word[:at] + word[at + 1 :]
    at -= size
    if at < size - 1:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    place, letter = divmod(at - (size - 1), _COUNT)
    if place < size:
        return word[:place] + ascii_lowercase[letter] + word[place + 1 :]
    place -= size
    return word[:place] + ascii_lowercase[letter] + word[place:]


def hash_slips(word: str) -> Hashes:
    """Return the ``token_hash`` of all words that are one slip away, shape (54 x letters + 25,).

    First a letter too many in each place, then two neighbours swapped, then each letter in each place, then one letter
    more in each place; some are the word itself, some the same as others. Nothing is spelt out: but for a constant, the
    CRC of a word is the XOR of what each letter gives in its distance from the end, so that a slip takes off what it
    changes and puts on what there is then. Spelt out and hashed word by word they take three times as long.

    Args:
        word: At least one letter, all of them a to z.
    """
    gives, constants = _crc_parts()
    size = len(word)
    letters = np.frombuffer(word.encode(), dtype=np.uint8).astype(np.intp) - ord("a")
    away = np.arange(size - 1, -1, -1)  # of each letter from the end
    here, further = gives[away, letters], gives[away + 1, letters]
    nearer = gives[np.maximum(away - 1, 0), letters]
    whole = np.bitwise_xor.reduce(here) ^ constants[size]
    before_dropped, before_added = _xor_before(nearer), _xor_before(further)
    after = np.bitwise_xor.reduce(here) ^ _xor_before(here)  # from each place on, shape (size + 1,)
    dropped = before_dropped[:-1] ^ after[1:] ^ constants[size - 1]
    swapped = whole ^ here[:-1] ^ here[1:] ^ gives[away[:-1], letters[1:]] ^ gives[away[1:], letters[:-1]]
    replaced = (whole ^ here)[:, None] ^ gives[away]
    added = (before_added ^ after)[:, None] ^ gives[np.arange(size, -1, -1)] ^ constants[size + 1]
    return np.concatenate([dropped, swapped, replaced.ravel(), added.ravel()])


def _xor_before(parts: Hashes) -> Hashes:
    """Return the XOR of all parts before each place and before the end, shape (parts + 1,)."""
    return np.bitwise_xor.accumulate(np.concatenate([np.zeros(1, dtype=np.uint32), parts]))


@lru_cache(maxsize=1)
def _crc_parts() -> tuple[Hashes, Hashes]:
    """Return what a letter gives to a CRC so far from the end, shape (distances, letters), and a constant a length."""
    constants = [zlib.crc32(bytes(length)) for length in range(_MOST + 2)]
    gives = [
        [zlib.crc32(letter.encode() + bytes(away)) ^ constants[away + 1] for letter in ascii_lowercase]
        for away in range(_MOST + 1)
    ]
    return np.array(gives, dtype=np.uint32), np.array(constants, dtype=np.uint32)
