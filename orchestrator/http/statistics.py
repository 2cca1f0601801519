"""Statistics of the HTTP client: what became of every call."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.http.pool import PoolStatistics


@dataclass(frozen=True, slots=True)
class HttpStatistics:
    """A snapshot of a client. `calls` always equals the sum of the four counts after it.

    Attributes:
        calls: calls begun.
        answered, failed, cancelled: the three ends of a call; an answer of status 500 is one, too.
        open: calls on their way.
        requests: attempts and redirects that went to the network, or were refused by the address guard.
        retries, redirects: those beyond a call's first request.
        body_bytes: sent and received, packed.
        pool: of the connections; None where another transport stands in for the network.
    """

    calls: int
    answered: int
    failed: int
    cancelled: int
    open: int
    requests: int
    retries: int
    redirects: int
    body_bytes: int
    pool: PoolStatistics | None


@dataclass(slots=True)
class Counts:
    """The counts that a client keeps as it goes."""

    calls: int = 0
    answered: int = 0
    failed: int = 0
    cancelled: int = 0
    retries: int = 0
    redirects: int = 0
