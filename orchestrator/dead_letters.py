"""Dead letters: envelopes given up, with their cause."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.messages import Envelope


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An envelope given up.

    Attributes:
        envelope: as it was published.
        cause: one line, why.
        attempts: attempts begun before it was given up.
    """

    envelope: Envelope
    cause: str
    attempts: int = 0


class DeadLetters:
    """The latest dead letters in memory, for looking at; the journal keeps all of them.

    Full: the oldest is forgotten here, and `total` still counts it. Nobody ever waits.
    """

    def __init__(self, keep: int = 1000) -> None:
        self._letters: deque[DeadLetter] = deque(maxlen=keep)
        self.total = 0

    def add(self, letter: DeadLetter) -> None:
        """Keep a letter."""
        self.total += 1
        self._letters.append(letter)

    def __iter__(self) -> Iterator[DeadLetter]:
        return iter(tuple(self._letters))

    def __len__(self) -> int:
        return len(self._letters)
