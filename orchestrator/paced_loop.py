"""The paced loop: virtual time for a run that asks the real world, so that what came of it can be repeated exactly.

Time stands still while anything can happen. It moves only when the loop would have to wait, to one of two things: the
moment of the next timer, or the release of one outside call that has come to its end. Timers follow from the program.
So the program, the outcome of each outside call and the moment of its release decide everything that happens,
in its order and with its times; a `VirtualTimeLoop` that releases the same at the same moments repeats the run.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from orchestrator.clock import JumpingSelector, VirtualTimeLoop, stopwatch
from orchestrator.outside import CURRENT

T = TypeVar("T")
#: Seconds between two moments at which something is released, at least: no two of them are one.
_GRID_S: Final = 1e-6


class PacedLoop(VirtualTimeLoop):
    """An event loop in virtual time that waits for the outside world where a run asks it.

    Attributes:
        jumps: whether time jumps to the next timer while nobody is outside; otherwise it takes as long as it takes.
    """

    def __init__(self, *, jumps: bool = False) -> None:
        self._paced = _PacedSelector(jumps=jumps)
        super().__init__(self._paced)
        self._paced.loop = self

    def take_its_time(self) -> None:
        """Jump no more: from now on the run takes as long as it takes."""
        self._paced.take_its_time()

    def takes_turns(self) -> bool:
        """Return whether this is done by a handler: what the world does for a read takes the time that it takes."""
        return CURRENT.get() is not None

    def leave(self) -> None:
        """Count one more call that is outside."""
        self._paced.leave()

    def come_back(self, release: Callable[[], object] | None) -> None:
        """Count one call less outside; `release` is called at the moment of its own that it gets."""
        self._paced.come_back(release)


class _PacedSelector(JumpingSelector):
    """Waits for real while a call is outside; lets one that has come back go on when nothing else can happen."""

    loop: PacedLoop

    def __init__(self, *, jumps: bool) -> None:
        super().__init__()
        self._jumps, self._outside = jumps, 0
        self._back: deque[Callable[[], object]] = deque()
        self._started = stopwatch()

    def take_its_time(self) -> None:
        if self._jumps and not self._outside:
            self._started = stopwatch() - self.virtual_now
        self._jumps = False

    def leave(self) -> None:
        if self._jumps and not self._outside:
            self._started = stopwatch() - self.virtual_now  # time has jumped meanwhile
        self._outside += 1

    def come_back(self, release: Callable[[], object] | None) -> None:
        self._outside -= 1
        if release is not None:
            self._back.append(release)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; if nothing is, release what came back, or wait, or jump."""
        ready = self.poll()
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self._back:
            self._release_before(None if timeout is None else self.virtual_now + timeout)
            return []
        if self._jumps and not self._outside:
            return super().select(timeout)
        ready = self.wait(None if timeout is None else self._real_seconds_until(self.virtual_now + timeout))
        if not ready and timeout is not None:
            self.virtual_now += timeout
        return ready

    def _real_seconds_until(self, moment: float) -> float:
        return max(0.0, moment - (stopwatch() - self._started))

    def _release_before(self, due: float | None) -> None:
        """Release the first call that came back at a moment of its own, unless a timer is due by then: that goes first.

        It is a timer itself, as it will be when this is repeated.
        """
        moment = round(max(stopwatch() - self._started, self.virtual_now + _GRID_S), 6)
        if moment <= self.virtual_now:
            moment = round(self.virtual_now + 2 * _GRID_S, 6)
        if due is not None and moment >= due - _GRID_S / 2:
            self.virtual_now = due
            return
        self.loop.call_at(moment, self._back.popleft())
        self.virtual_now = moment


def run_paced(main: Coroutine[Any, Any, T], *, jumps: bool = False) -> T:
    """Run a coroutine to its end on a paced loop and return its result."""
    with asyncio.Runner(loop_factory=lambda: PacedLoop(jumps=jumps)) as runner:
        return runner.run(main)
