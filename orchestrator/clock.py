"""The clock: the only owner of time, ids, randomness and threads, so that a run can be repeated exactly."""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import heapq
import itertools
import random
import secrets
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar, TypeVarTuple

from orchestrator.turns import TurnTakingLoop

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# 2026-01-05 09:00 UTC, a Monday: virtual runs start here, so that two of them agree on every time stamp.
VIRTUAL_EPOCH = 1_767_603_600.0


class Clock(Protocol):
    """What a component may ask of time. Timers are the event loop's own (`asyncio.sleep`, `asyncio.timeout`)."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    async def run_blocking(self, function: Callable[[], T]) -> T:
        """Run a blocking function without blocking the loop, where the clock allows that."""
        ...


class SystemClock:
    """Wall time and real threads."""

    now = staticmethod(time.time)

    async def run_blocking(self, function: Callable[[], T]) -> T:
        """Run `function` in a worker thread."""
        return await asyncio.to_thread(function)


class VirtualClock:
    """Time of a `VirtualTimeLoop`: it moves only when nothing is left to do at the present moment.

    Blocking functions run on the loop's own thread: two threads would finish in an order that no seed decides.
    They take no virtual time.
    """

    def __init__(self, epoch: float = VIRTUAL_EPOCH) -> None:
        """Begin at `epoch`: seconds since the Unix epoch at which the loop's virtual time is 0."""
        self.epoch = epoch
        self._loop: asyncio.AbstractEventLoop | None = None

    def now(self) -> float:
        """Seconds since the Unix epoch: `epoch` plus the running loop's virtual time."""
        try:
            loop = self._loop = asyncio.get_running_loop()
        except RuntimeError:  # in the thread of a handler, while the loop stands still for it
            if self._loop is None:
                raise
            loop = self._loop
        return self.epoch + loop.time()

    async def run_blocking(self, function: Callable[[], T]) -> T:
        """Run `function` here and now."""
        return function()


class JumpingSelector(selectors.DefaultSelector):
    """A selector that, instead of waiting for a timer, moves virtual time to it."""

    def __init__(self) -> None:
        super().__init__()
        self.virtual_now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; with nothing ready, jump over `timeout` instead of sleeping."""
        if timeout is None:  # no timer and nothing to run: only a file descriptor can wake the loop
            return self.wait(None)
        ready = self.poll()
        if not ready and timeout > 0:
            self.virtual_now += timeout
        return ready

    def poll(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the file descriptors that are ready now."""
        return super().select(0)

    def wait(self, seconds: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for file descriptors for so many real seconds, or until one is ready."""
        return super().select(seconds)


class _Timer(asyncio.TimerHandle):
    """A timer with its number: a heap keeps no order among equals, and what else is in it would decide theirs."""

    number = 0

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, _Timer):
            return NotImplemented
        return (self.when(), self.number) < (other.when(), other.number)


class VirtualTimeLoop(TurnTakingLoop):
    """An event loop whose timers fire in order but at once: an hour of sleeps takes milliseconds."""

    def __init__(self, selector: JumpingSelector | None = None) -> None:
        self._jumping = selector or JumpingSelector()
        self._timers = itertools.count()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made, on a grid of 1 ns so that sums of sleeps stay readable."""
        return round(self._jumping.virtual_now, 9)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call back at a moment; of several at the same one, in the order of asking, whatever else is due when."""
        base: Any = self  # what follows is what the base does, with a timer of ours
        base._check_closed()  # noqa: SLF001 - as the base does
        timer: Any = _Timer(when, callback, args, self, context)
        timer.number = next(self._timers)
        heapq.heappush(base._scheduled, timer)  # noqa: SLF001 - as the base does
        timer._scheduled = True  # noqa: SLF001 - as the base does
        made: asyncio.TimerHandle = timer
        return made

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - the base's
        """Wait for threads as long as it takes: from Python 3.12 on they are given minutes, which pass at once here."""
        await super().shutdown_default_executor()


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time and return its result."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


class Ids:
    """Ids of one run: its name, and short numbers in the order of asking.

    Attributes:
        run: the run's name.
        next: returns the next number of this run as text: '1', '2', ..., or what follows `after`.
    """

    def __init__(self, run: str, after: int = 0) -> None:
        self.run = run
        self.next: Callable[[], str] = map(
            str, itertools.count(after + 1)
        ).__next__  # asked for every envelope: no Python frame


def new_run_id(clock: Clock) -> str:
    """Return a run id that sorts by time: date, time, four random hex digits."""
    stamp = dt.datetime.fromtimestamp(clock.now(), dt.UTC).strftime("%Y%m%dT%H%M%S")
    return f"{stamp}-{secrets.token_hex(2)}"


def utc(at: float) -> str:
    """Return seconds since the epoch as date and time."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def new_envelope_id() -> str:
    """Return an id for an envelope that no run makes: `x` and sixteen random hex digits, where a run counts."""
    return f"x{secrets.token_hex(8)}"


def new_secret(size: int) -> str:
    """Return so many random bytes, in hex digits, that nobody can guess."""
    return secrets.token_hex(size)


def seeded_random(seed: int, *names: str) -> random.Random:
    """Return a generator that depends on the seed and the names alone, whatever else the run draws."""
    return random.Random(f"{seed}/{'/'.join(names)}")


#: Seconds of a monotonic high-resolution counter: for measured durations, which never enter canonical rows. Read eight
#: times a task: no Python frame.
stopwatch: Final[Callable[[], float]] = time.perf_counter


def cpu_clock_of(ident: int) -> Callable[[], float]:
    """Return a clock of the CPU seconds that a living thread of this process has used; of none where there is no such.

    Args:
        ident: as `threading.get_ident` gives it.
    """
    try:
        which = time.pthread_getcpuclockid(ident)
    except (AttributeError, OSError):  # no POSIX threads
        return lambda: 0.0
    return lambda: time.clock_gettime(which)
