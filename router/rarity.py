"""Owns the rarity: how much a word tells of an agent that was added later, in any text and among the requests here."""

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from router.base_encoder import BaseEncoder
from router.encoder import Vector, Vocabulary
from router.features import word_bucket
from router.word_cache import CACHED_WORDS


class Heard(NamedTuple):
    """What the cards of strangers add to the texts of training.

    Attributes:
        texts: Number of their texts.
        words: In how many of those each word stands.
    """

    texts: int
    words: Mapping[str, int]


NOTHING: Final = Heard(0, {})


class Rarity:
    """The weights of words where strangers are concerned, relative to the weights that training gave them.

    In a card a word counts by how rare it is in running text: smooth inverse frequency (Arora et al. 2017), kept in the
    base encoder. In a request it counts the same, times the square of its inverse document frequency among the texts of
    training and the cards of strangers: the card's side of the product is weighed here too, so that the rows of others
    stay what they are when an agent comes or goes.
    """

    def __init__(self, vocabulary: Vocabulary, base: BaseEncoder | None, heard: Heard = NOTHING) -> None:
        """Weigh words for these texts.

        Args:
            vocabulary: What training has seen.
            base: The base encoder; without one no word is common in running text.
            heard: The cards of the strangers; never written to.
        """
        self._vocabulary = vocabulary
        self._base = base
        self._heard = heard
        self._texts = math.expm1(vocabulary.unseen_idf - 1)
        self._requests: dict[str, float] = {}

    def in_card(self, token: str) -> float:
        """Return a word's weight in a card."""
        return self._common(token) / self._trained(token)

    def in_request(self, token: str) -> float:
        """Return a word's weight in a request."""
        trained = self._trained(token)
        known = (1 + self._texts) / math.exp(trained - 1)  # one more than the texts of training that have the word
        here = math.log((1 + self._texts + self._heard.texts) / (known + self._heard.words.get(token, 0))) + 1
        return self._common(token) * here * here / trained

    def of_request(self, tokens: Sequence[str]) -> Vector:
        """Return the weights of a request's words, shape (tokens,)."""
        known = self._requests
        try:
            weights = [known[token] for token in tokens]
        except KeyError:
            if len(known) > CACHED_WORDS:
                self._requests = known = {}
            weights = [known.setdefault(token, self.in_request(token)) for token in tokens]
        return np.array(weights, dtype=np.float32)

    def _common(self, token: str) -> float:
        return self._base.rarity(token) if self._base else 1.0

    def _trained(self, token: str) -> float:
        return self._vocabulary.word_idf(word_bucket(token, self._vocabulary.bits))
