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


class PriorityBuffer:
    """Gives the envelope with the highest priority first; equals in order of arrival."""

    def __init__(self, priority: Callable[[Envelope], float]) -> None:
        self._priority = priority
        self._heap: list[tuple[float, int, Envelope]] = []
        self._arrival = itertools.count()

    def append(self, envelope: Envelope, /) -> None:
        """Take an envelope, with its priority as of now."""
        heapq.heappush(self._heap, (-self._priority(envelope), next(self._arrival), envelope))

    def appendleft(self, envelope: Envelope, /) -> None:
        """Take back an envelope: before all others."""
        heapq.heappush(self._heap, (-float("inf"), -next(self._arrival), envelope))

    def popleft(self) -> Envelope:
        """Give the most urgent envelope out."""
        return heapq.heappop(self._heap)[2]

    def clear(self) -> None:
        """Forget all."""
        self._heap.clear()

    def __len__(self) -> int:
        return len(self._heap)
