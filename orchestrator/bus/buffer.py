"""Buffers: the order in which a subscription gives its envelopes out."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Protocol

from orchestrator.messages import Envelope


class Buffer(Protocol):
    """The part of a deque that a subscription needs; a heap offers the same."""

    def append(self, envelope: Envelope, /) -> None:
        """Take an envelope."""
        ...

    def appendleft(self, envelope: Envelope, /) -> None:
        """Take back an envelope that was given out by mistake: it is the next one again."""
        ...

    def popleft(self) -> Envelope:
        """Give the next envelope out."""
        ...

    def clear(self) -> None:
        """Forget all."""
        ...

    def __len__(self) -> int: ...


class PriorityBuffer(list[tuple[float, int, Envelope]]):
    """Gives the envelope with the highest priority first; equals in order of arrival.

    It is its own heap: whether it is empty, it is asked more often than anything else, and so answers without Python.
    """

    def __init__(self, priority: Callable[[Envelope], float]) -> None:
        super().__init__()
        self._priority = priority
        self._arrival = itertools.count()

    def append(self, envelope: Envelope, /) -> None:  # type: ignore[override]  # a buffer takes envelopes
        """Take an envelope, with its priority as of now."""
        heapq.heappush(self, (-self._priority(envelope), next(self._arrival), envelope))

    def appendleft(self, envelope: Envelope, /) -> None:
        """Take back an envelope: before all others."""
        heapq.heappush(self, (-float("inf"), -next(self._arrival), envelope))

    def popleft(self) -> Envelope:
        """Give the most urgent envelope out."""
        return heapq.heappop(self)[2]
