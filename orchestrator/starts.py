"""Starts: lets processes of handlers start a few at a time, so that many of them cost the run no more than a few do."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: Seconds that a start waits for its turn at most: one that hangs while it imports its agent holds no other up.
PATIENCE_S: Final = 2.0


class Starts:
    """Turns at starting, for all agents of a run: half of the processors may start something, the other half works on.

    Args:
        at_once: how many may start at the same time; None takes half of the processors, at least one.
        patience_s: seconds after which whoever waits for its turn starts all the same.
    """

    def __init__(self, at_once: int | None = None, patience_s: float = PATIENCE_S) -> None:
        self._turns = threading.Semaphore(at_once or max(1, (os.cpu_count() or 1) // 2))
        self._patience_s = patience_s

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, in a thread, and hold it for the time of the block."""
        taken = self._turns.acquire(timeout=self._patience_s)
        try:
            yield
        finally:
            if taken:
                self._turns.release()
