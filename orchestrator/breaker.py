"""The circuit breaker: leaves an agent alone for a while after it failed several times in a row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from orchestrator.policy import Breaker

State = Literal["closed", "open", "half-open"]


class CircuitBreaker:
    """Closed: attempts pass. Open: they wait until the cooldown is over. Half-open: one attempt probes.

    The states are those of Nygard, Release It! (2007). Its owner calls `admit` before an attempt and exactly one of
    `succeed`, `fail` and `withdraw` after it. `on_trip` hears True when it opens and False when it closes.

    Attributes:
        opened_at: when it opened, on the loop's clock; None while it is closed, when there is nothing to wait for.
    """

    def __init__(self, limits: Breaker) -> None:
        self._limits = limits
        self._failures = 0
        self.opened_at: float | None = None
        self._probing = False
        self._changed = asyncio.Event()
        self.on_trip: Callable[[bool], None] = lambda _tripped: None

    @property
    def state(self) -> State:
        """The state as of now."""
        if self.opened_at is None:
            return "closed"
        return "half-open" if self._probing or self._remaining() <= 0 else "open"

    @property
    def opens_again_in_s(self) -> float:
        """Seconds until a probe may begin; 0 where none has to wait."""
        return max(0.0, self._remaining())

    def why_not(self) -> str:
        """Return why no new task should come here now; empty when it may."""
        if self.state != "open":
            return ""
        return f"breaker open after {self._failures} failures in a row"

    async def admit(self) -> None:
        """Return when an attempt may begin; while open that is when the cooldown is over."""
        while self.opened_at is not None:
            remaining = self._remaining()
            if remaining <= 0 and not self._probing:
                self._probing = True
                return
            self._changed.clear()
            try:
                async with asyncio.timeout(remaining if remaining > 0 else None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def succeed(self) -> None:
        """Note an attempt that went well: the breaker closes."""
        self._failures = 0
        if self.opened_at is not None:
            self.opened_at, self._probing = None, False
            self._changed.set()
            self.on_trip(False)  # noqa: FBT003 - the two sides of one event

    def fail(self) -> None:
        """Note an attempt that failed: enough in a row, or a failed probe, open the breaker."""
        self._failures += 1
        if self._probing or self._failures >= self._limits.failures:
            self.opened_at, self._probing = _now(), False
            self._changed.set()
            self.on_trip(True)  # noqa: FBT003 - the two sides of one event

    def withdraw(self) -> None:
        """Note an attempt that was cancelled: it says nothing about the agent."""
        if self._probing:
            self._probing = False
            self._changed.set()

    def restore(self, failures: int, ago_s: float) -> None:
        """Go on from so many failures in a row, the last of them so many seconds ago, whatever the clock did since."""
        self._failures = failures
        if failures >= self._limits.failures:
            self.opened_at = _now() - min(max(ago_s, 0.0), self._limits.cooldown_s)
            self.on_trip(True)  # noqa: FBT003 - the two sides of one event

    def _remaining(self) -> float:
        if self.opened_at is None:
            return 0.0
        # A loop in virtual time keeps to a grid of 1 ns: a rest of 1e-17 s would never pass there.
        return round(self.opened_at + self._limits.cooldown_s - _now(), 9)


def _now() -> float:
    return asyncio.get_running_loop().time()
