"""The pulse: a thread of its own that notices when the event loop has stopped turning, who holds it, and where."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from orchestrator.alarm import Alarm
from orchestrator.clock import cpu_clock_of, stopwatch
from orchestrator.standpoint import Standpoint, standpoint_of

#: The thread looks so many times before it says that the loop is blocked.
_LOOKS: Final = 4
#: Stopping waits so many seconds for the thread, which may be writing a row to a file that somebody else has locked.
_PATIENCE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Blocked:
    """A loop that does not turn.

    Attributes:
        seconds: for how long so far.
        holder: whose code the loop runs, as the hearer says.
        standpoint: where in the code it is.
    """

    seconds: float
    holder: Mapping[str, Any]
    standpoint: Standpoint


class Hearer(Protocol):
    """Whoever is told what the pulse noticed."""

    def who(self, running: asyncio.Task[Any] | None) -> Mapping[str, Any]:
        """Say, in the thread of the pulse, whose code an asyncio.Task runs."""
        ...

    def blocked(self, found: Blocked) -> None:
        """Hear, in the thread of the pulse, that the loop is blocked: it cannot be told anything now."""
        ...

    def turning(self, found: Blocked) -> None:
        """Hear, in the loop, that it turns again, and how long it had not."""
        ...


class Silence:
    """How long a loop has not turned, as a thread counts that looks every now and then.

    A look that comes late counts in full only as far as the loop's thread worked meanwhile: a whole process that was
    stopped, or a machine that slept, blocks no loop.
    """

    def __init__(self, every_s: float, now: Callable[[], float], cpu: Callable[[], float]) -> None:
        self._timely_s, self._now, self._cpu = 2 * every_s, now, cpu
        self.seconds = 0.0
        self._at, self._worked = now(), cpu()

    def look(self) -> float:
        """Count on; return the seconds so far."""
        at, worked = self._now(), self._cpu()
        self.seconds += min(at - self._at, max(self._timely_s, worked - self._worked))
        self._at, self._worked = at, worked
        return self.seconds

    def begin(self) -> None:
        """Count from now on."""
        self.look()
        self.seconds = 0.0


class Pulse:
    """Asks the loop for a sign of life a few times within `after_s`; says so, once, when there was none for that long.

    Code that holds the interpreter's lock the whole time (a regular expression that runs away) keeps this thread
    waiting, too; it is noticed afterwards, by the CPU that it took.
    """

    def __init__(self, after_s: float, hearer: Hearer, alarm: Alarm) -> None:
        self._after_s, self._hearer, self._alarm = after_s, hearer, alarm
        self._every_s = after_s / _LOOKS
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._asked = self._turned = 0
        self._found: Blocked | None = None

    def start(self) -> None:
        """Begin, in the loop to be watched."""
        self._loop, self._ident = asyncio.get_running_loop(), threading.get_ident()
        self._since = stopwatch()
        self._sign = self._alarm.guard(self._turn)
        watch = self._alarm.guard_thread(self._watch)
        self._thread = threading.Thread(target=watch, name="pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it; a second call does nothing."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)
            self._thread = None

    # -- in the loop -------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._turned += 1
        found, self._found = self._found, None
        if found is not None and not self._over.is_set():
            self._hearer.turning(Blocked(stopwatch() - self._since, found.holder, found.standpoint))

    # -- in the thread -----------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        silence = Silence(self._every_s, stopwatch, cpu_clock_of(self._ident))
        said = True  # nothing was asked yet
        while not self._over.wait(self._every_s):
            if self._asked == self._turned:
                silence.begin()
                said = not self._ask()
            elif silence.look() >= self._after_s and not said:
                said = True
                self._say(silence.seconds)

    def _ask(self) -> bool:
        self._since = stopwatch()
        try:
            self._loop.call_soon_threadsafe(self._sign)
        except RuntimeError:  # the loop is closed: there is nothing to watch any more
            self._over.set()
            return False
        self._asked += 1
        return True

    def _say(self, seconds: float) -> None:
        holder = self._hearer.who(asyncio.current_task(self._loop))
        found = Blocked(seconds, holder, standpoint_of(self._ident))
        self._found = found
        self._hearer.blocked(found)
