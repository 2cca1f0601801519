"""Owns the shared words: how like an agent added later is to a request by the very words that both have."""

import math
import threading
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np

from router.pooling import Vector
from router.rarity import OFTEN, Heard, Rarity
from router.tokenizer import MAX_TOKENS
from router.word_cache import CACHED_WORDS
from router.word_scores import CACHED_BYTES

#: A stranger's score, its constant apart, is so much of what its rows give and so much of the cosine of the very words
#: times the weights of all parts: more than one in all, for a request shares fewer words with a card than n-grams.
BY_ROWS: Final = 0.65
BY_WORDS: Final = 0.6


class _Column(NamedTuple):
    """A word: its weight in a request, and that times what it is to each agent, shape (agents,)."""

    weight: float
    gives: Vector


class SharedWords:
    """The cosine between the words of a request and those of each agent's card, a place for each word.

    A sketch of a text is that with noise: two words that have nothing in common are a little alike there. Here they are
    not, and so the few words that tell a hundred agents apart count for what they are. What a
    word weighs in a card ``Rarity.measure`` says, and ``Rarity.asked`` what it weighs in a request.

    What a word gives to the agents is computed when it is first asked for. The cache is bounded: when it is full it
    starts over, and readers keep the old one, so that they need no lock.
    """

    def __init__(self, cards: Sequence[Heard], rarity: Rarity, capacity_bytes: int = CACHED_BYTES) -> None:
        """Score the agents that have these cards.

        Args:
            cards: What was heard of each agent.
            rarity: How words are weighed.
            capacity_bytes: Bound of the cache, which keeps ``CACHED_WORDS`` words at most and one text's at least.
        """
        self._words = [card.words for card in cards]
        self._lengths = np.array([card.length or 1.0 for card in cards])  # without a word there is nothing to divide
        self._rarity = rarity
        self._capacity = max(min(capacity_bytes // (4 * max(len(cards), 1)), CACHED_WORDS), MAX_TOKENS)
        self._lock = threading.Lock()
        self._columns: dict[str, _Column] = {}

    def __len__(self) -> int:
        return len(self._columns)

    def score(self, tokens: Sequence[str]) -> Vector:
        """Return the cosine with each agent, 0 to 1, shape (agents,).

        Args:
            tokens: The words of a text, as they are written, one to ``MAX_TOKENS``; each counts as often as meant.
        """
        often, known = Counter(map(self._rarity.meant, tokens)), self._columns
        try:
            columns = [known[token] for token in often]
        except KeyError:
            known = self._fill(often)
            columns = [known[token] for token in often]
        total = np.zeros(len(self._words), dtype=np.float32)
        for column, times in zip(columns, often.values(), strict=True):
            total += column.gives * np.float32(times)
        weights = [column.weight * times for column, times in zip(columns, often.values(), strict=True)]
        total *= np.float32(1 / math.hypot(*weights))
        return total

    def split(self, tokens: Sequence[str], card: Heard) -> list[float]:
        """Return what each word of a text, at least one, gives to the cosine with one agent."""
        tokens = list(map(self._rarity.meant, tokens))
        often = Counter(tokens)
        weights = {token: self._rarity.asked(token) for token in often}
        length = math.hypot(*(weights[token] * times for token, times in often.items()))
        return [weights[token] * self._in_card(token, card) / length for token in tokens]

    def _fill(self, tokens: Collection[str]) -> dict[str, _Column]:
        with self._lock:
            known = self._columns
            missing = [token for token in tokens if token not in known]
            if len(known) + len(missing) > self._capacity:
                known, missing = {}, list(tokens)
            for token in missing:
                known[token] = self._column(token)
            self._columns = known
            return known

    def _column(self, token: str) -> _Column:
        weight = self._rarity.asked(token)
        times = np.array([words.get(token, 0) for words in self._words], dtype=np.float64)
        gives = times**OFTEN * (weight * self._rarity.in_text(token)) / self._lengths
        return _Column(weight, gives.astype(np.float32))

    def _in_card(self, token: str, card: Heard) -> float:
        times = card.words.get(token, 0)
        return self._rarity.in_text(token) * times**OFTEN / card.length if times else 0.0
