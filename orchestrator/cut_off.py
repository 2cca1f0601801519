"""The cut-off: owns the handlers that run under a budget, and ends those whose budget of wall time is used up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from orchestrator.budget import Shortage
from orchestrator.errors import BudgetExceededError
from orchestrator.ledger import Account

Guard = Callable[[Callable[[], None]], Callable[[], None]]


class _Inside(NamedTuple):
    accounts: tuple[Account, ...]
    timer: asyncio.TimerHandle | None


class CutOff:
    """Lets the seconds of accounts run while handlers do, and cancels the workers whose handlers have none left.

    While a handler runs, the seconds of all accounts above it run at the same pace: one timer for it is enough.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._now = asyncio.get_running_loop().time
        self._inside: dict[asyncio.Task[Any], _Inside] = {}
        self._cut: dict[asyncio.Task[Any], Shortage] = {}

    def enter(self, worker: asyncio.Task[Any], accounts: tuple[Account, ...]) -> None:
        """Note that a handler begins.

        Raises:
            BudgetExceededError: if there is no time for it.
        """
        now = self._now()
        bounded = [
            (limit - one.busy_s(now), one) for one in accounts if (limit := one.limits.get("wall_s")) is not None
        ]
        timer = None
        if bounded:
            left, nearest = min(bounded, key=lambda pair: pair[0])
            if left <= 0:
                raise BudgetExceededError(_no_time(nearest, now))
            ring = self._guard(lambda: self._end(worker, nearest))
            timer = asyncio.get_running_loop().call_later(left, ring)
        for account in accounts:
            account.run(now)
        self._inside[worker] = _Inside(accounts, timer)

    def leave(self, worker: asyncio.Task[Any]) -> Shortage | None:
        """Note that a handler is over; return what cut it off, if anything did: it is no longer cancelled then."""
        inside = self._inside.pop(worker, None)
        if inside is None:
            return None
        if inside.timer is not None:
            inside.timer.cancel()
        for account in inside.accounts:
            account.rest(self._now())
        short = self._cut.pop(worker, None)
        if short is not None:
            worker.uncancel()
        return short

    def _end(self, worker: asyncio.Task[Any], account: Account) -> None:
        self._cut[worker] = _no_time(account, self._now())
        worker.cancel()


def _no_time(account: Account, now: float) -> Shortage:
    return Shortage(account.scope, account.name, "wall_s", account.limits["wall_s"], account.busy_s(now))
