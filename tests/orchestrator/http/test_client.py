"""The client's conduct over a transport that stands in for the network, in virtual time."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import FrozenInstanceError, astuple
from typing import Any

import httpx
import pytest

from orchestrator import AgentError, HttpBudget, HttpClient, HttpError, HttpPolicy
from orchestrator.clock import VirtualClock, run_virtual, seeded_random
from orchestrator.http_errors import (
    HttpAnswerError,
    HttpBudgetError,
    HttpClosedError,
    HttpRequestError,
    HttpTimeoutError,
    HttpTransportError,
)
from orchestrator.policy import Retry

URL = "https://a.example/x?token=s3cret"
PATIENT = HttpPolicy(retry=Retry(max_attempts=3, backoff_s=1, factor=2, jitter=0))
Handler = Callable[[httpx.Request], Awaitable[httpx.Response]]


class Played:
    """Plays back outcomes: a status, an answer, an error, or seconds to wait before a 200. The last one stays."""

    def __init__(self, *outcomes: int | float | httpx.Response | Exception) -> None:
        self.outcomes, self.requests, self.at = list(outcomes), list[httpx.Request](), list[float]()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.at.append(asyncio.get_running_loop().time())
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, float):
            await asyncio.sleep(outcome)
            return httpx.Response(200)
        return outcome if isinstance(outcome, httpx.Response) else httpx.Response(outcome, content=b"{}")


def client(played: Played, **given: Any) -> HttpClient:
    given.setdefault("policy", PATIENT)
    return HttpClient(clock=VirtualClock(), transport=httpx.MockTransport(played), **given)


def test_a_passing_failure_is_tried_again_after_its_wait() -> None:
    """Statuses and broken connections alike; the waits are the policy's."""

    async def main() -> None:
        played = Played(503, httpx.ReadError("s3cret"), 200)
        async with client(played) as subject:
            assert (await subject.get(URL)).status == 200
            found = subject.statistics()
        assert played.at == [0, 1, 3]
        assert (found.calls, found.answered, found.requests, found.retries) == (1, 1, 3, 2)

    run_virtual(main())


def test_after_the_last_attempt_the_outcome_stands() -> None:
    """A status is an answer; an error is raised, in one line that names the origin and no secret."""

    async def main() -> None:
        async with client(Played(503)) as subject:
            assert (await subject.get(URL)).status == 503
        async with client(played := Played(httpx.ReadError("s3cret"))) as subject:
            with pytest.raises(HttpTransportError) as caught:
                await subject.get(URL, headers={"Authorization": "s3cret"})
        assert len(played.requests) == 3
        assert str(caught.value).startswith("GET https://a.example: the connection broke; ")
        assert "s3cret" not in str(caught.value)

    run_virtual(main())


@pytest.mark.parametrize(("idempotent", "attempts"), [(False, 1), (True, 3)])
def test_a_post_is_sent_again_only_where_it_may_come_twice(idempotent: bool, attempts: int) -> None:  # noqa: FBT001
    """The caller says so, having sent a key."""

    async def main() -> None:
        async with client(played := Played(503)) as subject:
            await subject.post(URL, json={"a": 1}, idempotent=idempotent)
        assert len(played.requests) == attempts
        assert {request.content for request in played.requests} == {b'{"a":1}'}

    run_virtual(main())


def test_a_post_that_never_left_is_sent_again() -> None:
    """No connection, no harm."""

    async def main() -> None:
        async with client(
            played := Played(httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), 201)
        ) as subject:
            assert (await subject.post(URL, body=b"x")).status == 201
        assert len(played.requests) == 3

    run_virtual(main())


def test_the_wait_that_a_service_asks_for_is_kept() -> None:
    """As a number or as a date of the run's clock; nobody waits beyond the call's own time."""

    async def main() -> None:
        date = httpx.Response(503, headers={"retry-after": "Mon, 05 Jan 2026 09:00:20 GMT"})
        number = httpx.Response(429, headers={"retry-after": "7"})
        async with client(played := Played(date, number, 200)) as subject:
            assert (await subject.get(URL)).status == 200
        assert played.at == [0, 20, 27]
        policy = PATIENT.model_copy(update={"timeout_s": 5})
        async with client(played := Played(number), policy=policy) as subject:
            began = asyncio.get_running_loop().time()
            assert (await subject.get(URL)).status == 429
            assert asyncio.get_running_loop().time() == began

    run_virtual(main())


def test_an_attempt_and_a_call_have_a_time_each() -> None:
    """A slow attempt is tried again, and all of them together end at the call's time; both are named."""

    async def main() -> None:
        policy = PATIENT.model_copy(update={"attempt_timeout_s": 10, "timeout_s": 100})
        async with client(played := Played(50.0), policy=policy) as subject:
            with pytest.raises(HttpTimeoutError, match="not done within 10 s; raise `attempt_timeout_s`"):
                await subject.get(URL)
        assert played.at == [0, 11, 23]
        async with client(played := Played(50.0), policy=policy.model_copy(update={"timeout_s": 15})) as subject:
            with pytest.raises(HttpTimeoutError, match="not done within 15 s; raise `timeout_s`"):
                await subject.get(URL)

    run_virtual(main())


def test_a_budget_ends_what_a_client_may_use() -> None:
    """Requests, bytes and seconds; attempts count. Trying again cannot help, so the agent's task fails at once."""

    async def main() -> None:
        async with client(Played(503), budget=HttpBudget(requests=2)) as subject:
            with pytest.raises(HttpBudgetError, match="2 requests") as caught:
                await subject.get(URL)
            assert isinstance(caught.value, AgentError)
        async with client(Played(200), budget=HttpBudget(body_bytes=5)) as subject:
            await subject.post(URL, body=b"123")
            with pytest.raises(HttpBudgetError, match="5 body bytes"):
                await subject.get(URL)
        async with client(Played(20.0), budget=HttpBudget(seconds=30)) as subject:
            await subject.get(URL)
            with pytest.raises(HttpBudgetError, match="30 seconds"):
                await subject.get(URL)
            with pytest.raises(HttpBudgetError, match="30 seconds"):
                await subject.get(URL)

    run_virtual(main())


def test_redirects_are_followed_within_bounds() -> None:
    """And counted; a circle is an error."""

    async def main() -> None:
        there = httpx.Response(302, headers={"location": "https://b.example/y"})
        async with client(played := Played(there, 200)) as subject:
            answer = await subject.get(URL, headers={"Authorization": "s3cret"})
            assert (answer.status, answer.target) == (200, "GET https://b.example")
            assert subject.statistics().redirects == 1
        assert "authorization" not in played.requests[1].headers
        async with client(played := Played(there)) as subject:
            with pytest.raises(HttpAnswerError, match="redirects more than 5 times"):
                await subject.get(URL)
        assert len(played.requests) == 6

    run_virtual(main())


def test_a_large_answer_is_refused() -> None:
    """At its bound, not after it was read."""

    async def main() -> None:
        policy = PATIENT.model_copy(update={"max_answer_bytes": 1000})
        async with client(Played(httpx.Response(200, content=b"x" * 1001)), policy=policy) as subject:
            with pytest.raises(HttpAnswerError, match="larger than 1000 bytes"):
                await subject.get(URL)

    run_virtual(main())


def test_every_call_has_exactly_one_end() -> None:
    """Calls = answered + failed + cancelled + open, at any time; a snapshot is frozen."""

    async def main() -> None:
        async with client(
            Played(200, httpx.ReadError(""), 1000.0), policy=HttpPolicy(retry=Retry(max_attempts=1))
        ) as subject:
            await subject.get(URL)
            with pytest.raises(HttpError):
                await subject.get(URL)
            with pytest.raises(HttpRequestError):
                await subject.get("nonsense")
            async with asyncio.TaskGroup() as group:
                task = group.create_task(subject.get(URL))
                await asyncio.sleep(1)
                assert astuple(subject.statistics())[:5] == (4, 1, 2, 0, 1)
                task.cancel()
            found = subject.statistics()
            assert astuple(found)[:5] == (4, 1, 2, 1, 0)
            assert found.pool is None
            with pytest.raises(FrozenInstanceError):
                found.calls = 0  # type: ignore[misc]

    run_virtual(main())


def test_a_closed_client_refuses_and_a_closing_one_lets_go() -> None:
    """Closing is idempotent, and wakes whoever waits to try again."""

    async def main() -> None:
        async with client(Played(503), policy=HttpPolicy(retry=Retry(backoff_s=30, jitter=0))) as subject:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(_closed(subject))
                await asyncio.sleep(1)
                await subject.aclose()
            assert task.done()
            assert asyncio.get_running_loop().time() == 1
        await subject.aclose()
        await _closed(subject)

    run_virtual(main())


async def _closed(subject: HttpClient) -> None:
    with pytest.raises(HttpClosedError, match="is closed"):
        await subject.get(URL)


def test_a_run_can_be_repeated() -> None:
    """The jitter comes from the generator given; the same seed waits the same."""

    async def main(seed: int) -> list[float]:
        policy = HttpPolicy(retry=Retry(jitter=1.0, max_attempts=4))
        async with client(played := Played(503), policy=policy, rng=seeded_random(seed, "test")) as subject:
            await subject.get(URL)
        return played.at

    first, second, other = (run_virtual(main(seed)) for seed in (1, 1, 2))
    assert first == second != other


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Httpx's own client logs whole URLs at INFO: tokens with them."""
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        async with client(Played(200)) as subject:
            await subject.get(URL)

    run_virtual(main())
    assert "s3cret" not in caplog.text


def test_a_synchronous_transport_is_refused() -> None:
    """It would block everybody."""

    class Synchronous(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=_Sync())

    class _Sync(httpx.SyncByteStream):
        pass

    async def main() -> None:
        async with HttpClient(transport=Synchronous()) as subject:
            with pytest.raises(HttpAnswerError, match="the transport is not asynchronous"):
                await subject.get(URL)

    run_virtual(main())


def test_without_the_extra_the_error_says_what_to_install() -> None:
    """It is an ImportError as well, for whoever makes HTTP optional."""
    code = (
        "import sys; sys.modules['httpx'] = None\n"
        "import orchestrator\n"
        "try:\n    from orchestrator import HttpClient\n"
        "except ImportError as error:\n    print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("ExtraMissingError the HTTP client needs packages")
    assert "pip install 'pointsman[http]'" in done.stdout
