"""Owns the keyword router: no training, scores one can check by hand; the reference in tests."""

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from router.attribution import Contribution
from router.calibration import Calibration
from router.decision import Roster, decide
from router.errors import RouterError
from router.prediction import Prediction
from router.profile import AgentProfile
from router.protocol import NO_VETOES
from router.tokenizer import tokenize

# Scores are shares between 0 and 1: a fifth of the words, at these odds, is where "none of these" stops winning.
_CALIBRATION: Final = Calibration(scale=20.0, floor=0.2, threshold=0.5)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The agents, their words, and in how many of them each word occurs."""

    roster: Roster
    words: tuple[frozenset[str], ...]
    spread: Mapping[str, int]


class KeywordRouter:
    """Scores an agent by the share of the request's distinct words that its card has.

    A word that several agents have counts for each of them as one over their number.
    """

    def __init__(self, calibration: Calibration = _CALIBRATION) -> None:
        """Start with no agents."""
        self._calibration = calibration
        self._lock = threading.Lock()
        self._profiles: dict[str, AgentProfile] = {}
        self._snapshot = _build({})

    @property
    def names(self) -> tuple[str, ...]:
        """Return the registered agents, sorted."""
        return self._snapshot.roster.names

    @property
    def fingerprint(self) -> str:
        """Return 16 hexadecimal characters over every registered card."""
        return self._snapshot.roster.fingerprint

    @property
    def calibration(self) -> Calibration:
        """Return how scores become a confidence; see ``Calibrated``."""
        return self._calibration

    def predict(self, text: str, vetoes: Mapping[str, str] = NO_VETOES) -> Prediction:
        """Decide on one request; see ``Router.predict``."""
        snapshot = self._snapshot
        weights = _weights(text, snapshot.spread)
        scores = [sum(weight for word, weight in weights.items() if word in words) for words in snapshot.words]
        return decide(snapshot.roster, np.array(scores, dtype=np.float32), vetoes, self._calibration)

    def explain(self, text: str, agent: str) -> tuple[Contribution, ...]:
        """Split an agent's score over the words of the text; see ``Router.explain``.

        Raises:
            RouterError: The agent is not registered.
        """
        snapshot = self._snapshot
        words = snapshot.words[_place(snapshot.roster, agent)]
        return tuple(
            Contribution(word, weight if word in words else 0.0)
            for word, weight in _weights(text, snapshot.spread).items()
        )

    def add(self, profile: AgentProfile) -> None:
        """Make an agent a candidate; one of the same name is replaced.

        Raises:
            RouterError: The card has neither summary nor examples.
        """
        if not profile.texts:
            raise RouterError(f"agent {profile.name!r} has neither summary nor examples; give its card some")
        with self._lock:
            self._profiles[profile.name] = profile
            self._snapshot = _build(self._profiles)

    def remove(self, name: str) -> None:
        """Take an agent away; see ``LearnsAgents.remove``.

        Raises:
            RouterError: The agent is not registered.
        """
        with self._lock:
            _place(self._snapshot.roster, name)
            del self._profiles[name]
            self._snapshot = _build(self._profiles)


def _weights(text: str, spread: Mapping[str, int]) -> dict[str, float]:
    """Give every distinct word of a text its share, in the order of the text."""
    words = [word for word in dict.fromkeys(tokenize(text)) if word[0].isalnum()]
    return {word: 1 / (len(words) * max(spread.get(word, 0), 1)) for word in words}


def _place(roster: Roster, name: str) -> int:
    if name not in roster.places:
        raise RouterError(f"agent {name!r} is not registered; register it, or ask for one of those that are")
    return roster.places[name]


def _build(profiles: Mapping[str, AgentProfile]) -> _Snapshot:
    names = tuple(sorted(profiles))
    cards = [profiles[name] for name in names]
    words = tuple(frozenset(word for text in card.texts for word in tokenize(text)) for card in cards)
    digest = hashlib.sha256("\n".join(card.digest for card in cards).encode()).hexdigest()[:16]
    spread = Counter(word for known in words for word in known)
    return _Snapshot(Roster(names, tuple(card.version for card in cards), digest), words, spread)
