"""Owns the rarity: how much a word tells of an agent that was added later, in any text and among the requests here."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from router.base_encoder import BaseEncoder
from router.pooling import Vector
from router.spelling import Meant, as_written
from router.vocabulary import Vocabulary
from router.word_cache import CACHED_WORDS


class Heard(NamedTuple):
    """What the card of a stranger adds to the texts of training.

    Attributes:
        texts: Number of its texts.
        words: In how many of those each word stands.
        length: That of the card as ``Rarity.measure`` measures it; 0 where it has no word.
    """

    texts: int
    words: Mapping[str, int]
    length: float = 0.0


NOTHING: Final = Heard(0, {})

#: A word counts in a card by the number of the card's texts that have it, to this power.
OFTEN: Final = 0.7


class Hearsay:
    """What the cards of all strangers add to the texts of training; a card that goes leaves no trace in it.

    Attributes:
        texts: Number of their texts.
        words: In how many of those each word stands.
        cards: Number of the cards.
        spread: In how many of the cards each word stands.
    """

    def __init__(self, cards: Iterable[Heard] = ()) -> None:
        """Count these cards."""
        self.texts = self.cards = 0
        self.words: Counter[str] = Counter()
        self.spread: Counter[str] = Counter()
        for heard in cards:
            self.count(heard, 1)

    def count(self, heard: Heard, times: int) -> None:
        """Count a card, or with -1 take it away again."""
        if not heard.texts:
            return
        self.texts += times * heard.texts
        self.cards += times
        for word, texts in heard.words.items():
            self.words[word] += times * texts
            self.spread[word] += times

    def copy(self) -> "Hearsay":
        """Return what is known now, for readers."""
        taken = Hearsay()
        taken.texts, taken.cards, taken.words, taken.spread = self.texts, self.cards, +self.words, +self.spread
        return taken


class Rarity:
    """The weights of words where strangers are concerned, relative to the weights that training gave them.

    In a card a word counts by how rare it is in running text: smooth inverse frequency (Arora et al. 2017), kept in the
    base encoder. In a request it counts the same, times its inverse document frequency among the cards of strangers,
    times the root of that among all their texts and those of training. The card's side of the product is weighed here
    too, so that the rows of others stay what they are when an agent comes or goes.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        base: BaseEncoder | None,
        hearsay: Hearsay | None = None,
        meant: Meant = as_written,
    ) -> None:
        """Weigh words for these texts.

        Args:
            vocabulary: What training has seen.
            base: The base encoder; without one no word is common in running text.
            hearsay: The cards of the strangers; never written to.
            meant: What a word is read as.
        """
        self.meant = meant  #: What a word is read as; ``in_text`` and ``asked`` are of words that are meant.
        self._vocabulary = vocabulary
        self._base = base
        self._hearsay = hearsay or Hearsay()
        self._texts = math.expm1(vocabulary.unseen_idf - 1)
        self._requests: dict[str, float] = {}

    def among(self, hearsay: Hearsay) -> "Rarity":
        """Return the weights where these are the cards of the strangers."""
        return Rarity(self._vocabulary, self._base, hearsay, self.meant)

    def in_card(self, token: str) -> float:
        """Return a word's weight in a card."""
        token = self.meant(token)
        return self.in_text(token) / self._trained(token)

    def in_request(self, token: str) -> float:
        """Return a word's weight in a request."""
        token = self.meant(token)
        return self.asked(token) / self._trained(token)

    def in_text(self, token: str) -> float:
        """Return how rare a word that is meant is in running text, up to 1."""
        return self._base.rarity(token) if self._base else 1.0

    def asked(self, token: str) -> float:
        """Return the weight of a word that is meant in a request, whatever weight training gave it."""
        heard = self._hearsay
        # One more than the texts of training that have the word.
        known = (1 + self._texts) / math.exp(self._trained(token) - 1)
        by_text = math.log((1 + self._texts + heard.texts) / (known + heard.words[token])) + 1
        by_card = math.log((1 + heard.cards) / (1 + heard.spread[token])) + 1
        return self.in_text(token) * by_card * math.sqrt(by_text)

    def measure(self, texts: Sequence[Collection[str]]) -> Heard:
        """Return what a card adds, given the words of each of its texts, as they are written.

        Its length is that of a vector with a place for each word, there the word's rarity in running text times the
        number of texts that have it to the power ``OFTEN``. The sum is rounded once, so that words have no order.
        """
        words = Counter(word for text in texts for word in set(map(self.meant, text)))
        square = math.fsum((self.in_text(word) * times**OFTEN) ** 2 for word, times in words.items())
        return Heard(len(texts), words, math.sqrt(square))

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

    def _trained(self, token: str) -> float:
        return self._vocabulary.word_idf(token)
