"""Restarts: how often the processes of an agent may die before the agent is given up, and who starts afresh with it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Strategy = Literal["one_for_one", "rest_for_one"]


class Restart(BaseModel):
    """The restart intensity of an agent whose handler has processes of its own, and its strategy, as of Erlang/OTP.

    A death that is one more than `restarts` within `within_s` seconds is not followed by a restart: the agent is
    unregistered, and what it has not finished becomes dead letters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    restarts: int = Field(default=5, ge=0, le=10_000, description="restarts of its processes within that time")
    within_s: float = Field(default=60.0, gt=0, le=86_400, description="seconds in which they are counted")
    strategy: Strategy = Field(
        default="one_for_one", description="rest_for_one: agents given after it get new processes, too"
    )

    def why(self) -> str:
        """Return why an agent is given up that went beyond."""
        return f"its processes died more than {self.restarts} times within {self.within_s:g} s"


class RestartWindow:
    """Counts deaths within a span of time that moves on."""

    def __init__(self, limits: Restart) -> None:
        self._limits = limits
        self._deaths: deque[float] = deque(maxlen=limits.restarts + 1)

    def exceeded(self, now: float) -> bool:
        """Count a death, and return whether it is one too many.

        Args:
            now: in seconds, never less than before.
        """
        self._deaths.append(now)
        if len(self._deaths) <= self._limits.restarts:
            return False
        # A loop in virtual time keeps to a grid of 1 ns: sums of spans are compared on it.
        return round(now - self._deaths[0], 9) <= self._limits.within_s


class Restarts:
    """Hears of the deaths of the processes of all agents of a run.

    Attributes:
        on_excess: is called with an agent's name, and why it is to be given up.
        on_rest: is called with the name of an agent whose process died, so that those after it start afresh.
    """

    def __init__(self) -> None:
        self.on_excess: Callable[[str, str], None] = lambda _name, _why: None
        self.on_rest: Callable[[str], None] = lambda _name: None
        self._windows: dict[str, RestartWindow] = {}

    def died(self, name: str, limits: Restart | None) -> None:
        """Count the death of a process of an agent; without limits it is followed by a restart, however many."""
        if limits is None:
            return
        window = self._windows.setdefault(name, RestartWindow(limits))
        if window.exceeded(asyncio.get_running_loop().time()):
            del self._windows[name]  # one of this name that is registered later begins anew
            self.on_excess(name, limits.why())
        elif limits.strategy == "rest_for_one":
            self.on_rest(name)
