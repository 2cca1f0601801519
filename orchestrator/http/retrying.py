"""Retrying: whether a request is made again, and after how long a wait."""

from __future__ import annotations

import email.utils
import random
from collections.abc import Mapping
from typing import Final

from orchestrator.http.answer import HttpAnswer
from orchestrator.http.policy import HttpPolicy
from orchestrator.http_errors import HttpError, HttpTimeoutError, HttpTransportError

# RFC 9110, 9.2.2: the effect of several is that of one.
IDEMPOTENT: Final = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))
# Of the service's moment, not of the request.
PASSING: Final = frozenset((408, 425, 429, 500, 502, 503, 504))


def wait_before_retry(
    outcome: HttpAnswer | HttpError,
    attempt: int,
    policy: HttpPolicy,
    rng: random.Random,
    *,
    idempotent: bool,
    now: float,
) -> float | None:
    """Return the seconds to wait before another attempt; None where `outcome` stands.

    Args:
        outcome: of the attempt just made.
        attempt: its number, 1-based.
        policy: of the client.
        rng: draws the jitter.
        idempotent: whether the request may reach the service twice. One that was not sent may always be tried again.
        now: seconds since the Unix epoch; a service may name a date to wait for.
    """
    if attempt >= policy.retry.max_attempts or not _is_passing(outcome, idempotent=idempotent):
        return None
    wait = policy.retry.delay(attempt, rng)
    if isinstance(outcome, HttpAnswer):
        asked = retry_after(outcome.headers, now)
        if asked > policy.retry_after_max_s:
            return None
        wait = max(wait, asked)
    return round(wait, 6)


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Return the seconds that a service asks to wait, as a number or a date (RFC 9110, 10.2.3); 0 where it does not."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError, TypeError, IndexError):
        return 0.0


def _is_passing(outcome: HttpAnswer | HttpError, *, idempotent: bool) -> bool:
    if isinstance(outcome, HttpAnswer):
        return idempotent and outcome.status in PASSING
    if isinstance(outcome, HttpTransportError | HttpTimeoutError):
        return idempotent or outcome.nothing_sent
    return False
