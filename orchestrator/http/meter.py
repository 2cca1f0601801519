"""The meter: what a client has used, beside what it may."""

from __future__ import annotations

import asyncio

from orchestrator.http.policy import HttpBudget
from orchestrator.http_errors import HttpBudgetError


class Meter:
    """Counts requests, body bytes and seconds, and refuses what would exceed the budget."""

    def __init__(self, budget: HttpBudget) -> None:
        self._budget = budget
        self.seconds = budget.seconds or 0.0
        self._began: float | None = None
        self.requests = self.body_bytes = 0

    def remaining_s(self) -> float | None:
        """Return the seconds left; None without a limit. The first time it is asked, the seconds begin to run.

        Raises:
            HttpBudgetError: if none are left.
        """
        if self._budget.seconds is None:
            return None
        now = asyncio.get_running_loop().time()
        if self._began is None:
            self._began = now
        left = round(self._began + self._budget.seconds - now, 9)
        if left <= 0:
            raise HttpBudgetError("seconds", self._budget.seconds)
        return left

    def spend_request(self, sent: int) -> None:
        """Count a request with a body of so many bytes.

        Raises:
            HttpBudgetError: if it may not be made any more; it is not counted then.
        """
        if self._budget.requests is not None and self.requests >= self._budget.requests:
            raise HttpBudgetError("requests", self._budget.requests)
        self.spend_bytes(sent)
        self.requests += 1

    def spend_bytes(self, count: int) -> None:
        """Count bytes of a body.

        Raises:
            HttpBudgetError: if they are more than there may be.
        """
        self.body_bytes += count
        if self._budget.body_bytes is not None and self.body_bytes > self._budget.body_bytes:
            raise HttpBudgetError("body bytes", self._budget.body_bytes)
