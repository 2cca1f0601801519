"""When a request is made again."""

import random

import pytest

from orchestrator.http.answer import HttpAnswer
from orchestrator.http.policy import HttpPolicy
from orchestrator.http.retrying import retry_after, wait_before_retry
from orchestrator.http_errors import (
    AddressBlockedError,
    HttpAnswerError,
    HttpError,
    HttpTimeoutError,
    HttpTransportError,
)
from orchestrator.policy import Retry

POLICY = HttpPolicy(retry=Retry(max_attempts=3, backoff_s=1, factor=2, jitter=0), retry_after_max_s=20)
NOW = 1_767_603_600.0  # Mon, 05 Jan 2026 09:00:00 GMT


def status(number: int, asks: str = "") -> HttpAnswer:
    return HttpAnswer(number, {"retry-after": asks} if asks else {}, b"", "GET https://a.example")


def wait(outcome: HttpAnswer | HttpError, attempt: int = 1, *, idempotent: bool = True) -> float | None:
    return wait_before_retry(outcome, attempt, POLICY, random.Random(1), idempotent=idempotent, now=NOW)


@pytest.mark.parametrize("number", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_status_is_tried_again_where_the_request_may_come_twice(number: int) -> None:
    """A POST is not: the service may have done its work."""
    assert wait(status(number)) == 1
    assert wait(status(number), 2) == 2
    assert wait(status(number), 3) is None
    assert wait(status(number), idempotent=False) is None


@pytest.mark.parametrize("number", [200, 204, 301, 304, 400, 401, 403, 404, 409, 422, 501, 505])
def test_any_other_status_stands(number: int) -> None:
    """Asking again would not change it."""
    assert wait(status(number)) is None


def test_what_was_never_sent_may_always_be_tried_again() -> None:
    """A connection that was refused cannot have done anything twice."""
    assert wait(HttpTransportError("t", "refused", nothing_sent=True), idempotent=False) == 1
    assert wait(HttpTransportError("t", "broke"), idempotent=False) is None
    assert wait(HttpTransportError("t", "broke")) == 1
    assert wait(HttpTimeoutError("t", 1, "attempt_timeout_s")) == 1
    assert wait(HttpTimeoutError("t", 1, "attempt_timeout_s"), idempotent=False) is None


def test_what_cannot_pass_is_not_tried_again() -> None:
    """A blocked address stays blocked, a large answer large."""
    assert wait(AddressBlockedError("a", "127.0.0.1", "loopback")) is None
    assert wait(HttpAnswerError("t", "too large")) is None


def test_the_service_may_ask_for_a_longer_wait_within_bounds() -> None:
    """Its wish is the least wait; beyond the bound nobody waits and the answer stands."""
    assert wait(status(503, "7")) == 7
    assert wait(status(503, "0")) == 1
    assert wait(status(503, "20")) == 20
    assert wait(status(503, "21")) is None
    assert wait(status(429, "9" * 400)) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12", 12),
        ("Mon, 05 Jan 2026 09:00:30 GMT", 30),
        ("Mon, 05 Jan 2026 08:00:00 GMT", 0),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("1.5", 0),
        ("\u0663", 0),
        ("Mon, 05 Jan 99999 09:00:30 GMT", 0),
        ("Mon, 99 Foo 2026 09:00:30 GMT", 0),
    ],
)
def test_the_wish_is_a_number_or_a_date(text: str, seconds: float) -> None:
    """RFC 9110, 10.2.3; anything else is no wish."""
    assert retry_after({"retry-after": text}, NOW) == seconds


def test_the_same_seed_waits_the_same() -> None:
    """Jitter comes from the generator that the client was given."""
    policy = HttpPolicy(retry=Retry(jitter=1.0))
    waits = [
        wait_before_retry(status(503), 1, policy, random.Random(seed), idempotent=True, now=NOW) for seed in (1, 1, 2)
    ]
    assert waits[0] == waits[1] != waits[2]
