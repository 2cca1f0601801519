"""The HTTP client for agents: retries, budgets, timeouts and redirects around one guarded transport."""

from __future__ import annotations

import asyncio
import itertools
import random
import ssl
from collections.abc import AsyncIterable, Iterable, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Self

from orchestrator.addresses import AddressGuard, Resolve
from orchestrator.clock import Clock, SystemClock, seeded_random
from orchestrator.http.answer import HttpAnswer, Unpacking
from orchestrator.http.extra import httpx
from orchestrator.http.meter import Meter
from orchestrator.http.plain import answer_as_json, answer_from_json, request_as_json
from orchestrator.http.policy import HttpBudget, HttpPolicy
from orchestrator.http.requests import make_request, origin_of, redirected
from orchestrator.http.retrying import IDEMPOTENT, wait_before_retry
from orchestrator.http.statistics import Counts, HttpStatistics
from orchestrator.http.transport import GuardedTransport
from orchestrator.http_errors import (
    HttpAnswerError,
    HttpBudgetError,
    HttpClosedError,
    HttpError,
    HttpRequestError,
    HttpTimeoutError,
    HttpTransportError,
)
from orchestrator.outside import CURRENT, Outside
from orchestrator.resolver import Resolver


class HttpClient:
    """Makes HTTP calls that end, with an answer, an error of ours or a cancellation, and leave nothing behind.

    A call runs in its caller's asyncio.Task and starts none of its own. Cancelling the caller closes the connection
    at once. The client reads no environment variable, keeps no cookies, knows no proxy, writes no log.

    Args:
        allow: networks and hosts that may be asked beside the public internet; see `AddressGuard`.
        policy: timeouts, retries, bounds.
        budget: what the client may use in all.
        clock: for services that name a date to come back at.
        rng: draws the jitter of retries; the same seed waits the same.
        tls: whom to trust under https; None is httpx's default.
        resolve: addresses of a name; None asks the system.
        transport: stands in for the network, in tests: `httpx.MockTransport(handler)`. It resolves nothing, so the
            address guard is not asked.
    """

    def __init__(
        self,
        *,
        allow: Iterable[str] = (),
        policy: HttpPolicy | None = None,
        budget: HttpBudget | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._policy = policy or HttpPolicy()
        self._clock = clock or SystemClock()
        self._rng = rng or seeded_random(0, "http")
        self._resolver = Resolver()
        guard = AddressGuard(allow, resolve or self._resolver)
        limits = self._policy
        self._transport = transport or GuardedTransport(guard, slots=limits.connections, idle_s=limits.idle_s, tls=tls)
        self._meter = Meter(budget or HttpBudget())
        self._counts = Counts()
        self._closed = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Return the client; it connects when it is first asked."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        await self.aclose()

    async def aclose(self) -> None:
        """Drop all connections; calls on their way end with HttpClosedError. Any number of times."""
        self._closed.set()
        self._resolver.close()
        await self._transport.aclose()

    def statistics(self) -> HttpStatistics:
        """Return the counts as of now."""
        c, m = self._counts, self._meter
        opened = c.calls - c.answered - c.failed - c.cancelled
        return HttpStatistics(
            *(c.calls, c.answered, c.failed, c.cancelled, opened, m.requests, c.retries, c.redirects, m.body_bytes),
            pool=self._transport.statistics() if isinstance(self._transport, GuardedTransport) else None,
        )

    async def get(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """Return what is at `url`; see `request`."""
        return await self.request("GET", url, params=params, headers=headers)

    async def post(
        self,
        url: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = False,
    ) -> HttpAnswer:
        """Send a body to `url` and return the answer; see `request`."""
        return await self.request("POST", url, json=json, form=form, body=body, headers=headers, idempotent=idempotent)

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        idempotent: bool | None = None,
    ) -> HttpAnswer:
        """Make one call and return its answer, whatever its status.

        Args:
            method: in capitals.
            url: with its scheme; of any origin that the guard lets through.
            params: added to the URL's query.
            headers: beside those that the client sets itself.
            json: body as JSON.
            form: body as an HTML form's fields.
            body: body as it is; at most one of the three.
            idempotent: whether the service may get the request twice; None takes it from the method. A POST with a key
                that makes it so ('Idempotency-Key') is.

        Raises:
            HttpRequestError: if it is refused before it is sent; AddressBlockedError is one.
            HttpTransportError, HttpTimeoutError: if no answer came, after the last attempt.
            HttpAnswerError: if the answer cannot be used.
            HttpBudgetError: if the client has used up its budget.
            HttpClosedError: if the client is closed.
        """
        self._counts.calls += 1
        try:
            request = make_request(method, url, params=params, headers=headers, json=json, form=form, body=body)
            repeatable = method in IDEMPOTENT if idempotent is None else idempotent
            outside = CURRENT.get()
            if outside is None:
                answer = await self._within_time(request, repeatable=repeatable)
            else:
                answer = await self._through(outside, request, repeatable=repeatable)
        except asyncio.CancelledError:
            self._counts.cancelled += 1
            raise
        except BaseException:  # right: counted, and raised again
            self._counts.failed += 1
            raise
        self._counts.answered += 1
        return answer

    async def _through(self, outside: Outside, request: httpx.Request, *, repeatable: bool) -> HttpAnswer:
        """Let a recorder, or a recording, answer the call as a whole: retries and redirects are inside of it."""

        async def live() -> Any:
            return answer_as_json(await self._within_time(request, repeatable=repeatable))

        return answer_from_json(await outside.read("http", request_as_json(request), live, self._clock))

    async def _within_time(self, request: httpx.Request, *, repeatable: bool) -> HttpAnswer:
        limit, budget = self._policy.timeout_s, self._meter.remaining_s()
        try:
            async with asyncio.timeout(limit if budget is None else min(limit, budget)) as scope:
                return await self._follow(request, scope.when(), repeatable=repeatable)
        except TimeoutError:
            if not scope.expired():
                raise
            if budget is not None and budget <= limit:
                raise HttpBudgetError("seconds", self._meter.seconds) from None
            raise HttpTimeoutError(_target(request), limit, "timeout_s") from None

    async def _follow(self, request: httpx.Request, deadline: float | None, *, repeatable: bool) -> HttpAnswer:
        for _ in range(self._policy.redirects + 1):
            answer = await self._persist(request, deadline, repeatable=repeatable)
            further = redirected(request, answer.status, answer.headers.get("location"))
            if further is None:
                return answer
            self._counts.redirects += 1
            request = further
        problem = f"redirects more than {self._policy.redirects} times; raise `redirects` or ask at the last place"
        raise HttpAnswerError(_target(request), problem)

    async def _persist(self, request: httpx.Request, deadline: float | None, *, repeatable: bool) -> HttpAnswer:
        for attempt in itertools.count(1):
            outcome = await self._attempt(request)
            wait = wait_before_retry(
                outcome, attempt, self._policy, self._rng, idempotent=repeatable, now=self._clock.now()
            )
            if wait is None or (deadline is not None and _now() + wait >= deadline):
                break  # the outcome stands: it says more than that the time is up
            await self._pause(wait)
            self._counts.retries += 1
        if isinstance(outcome, HttpError):
            raise outcome
        return outcome

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the closing of the client."""
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return
        raise HttpClosedError

    async def _attempt(self, request: httpx.Request) -> HttpAnswer | HttpTransportError | HttpTimeoutError:
        """Make one request; what may pass by trying again is returned, anything else raised."""
        if self._closed.is_set():
            raise HttpClosedError
        self._meter.spend_request(len(request.content))
        limit, target = self._policy.attempt_timeout_s, _target(request)
        request.extensions = {"timeout": {"connect": self._policy.connect_timeout_s}}
        try:
            async with asyncio.timeout(limit) as scope:
                return await self._exchange(request, target)
        except TimeoutError:
            if not scope.expired():
                raise
            return HttpTimeoutError(target, limit, "attempt_timeout_s")
        except httpx.ConnectTimeout:
            return HttpTimeoutError(target, self._policy.connect_timeout_s, "connect_timeout_s", nothing_sent=True)
        except httpx.LocalProtocolError:
            raise HttpRequestError(target, "the request is no HTTP; check its headers") from None
        except httpx.TransportError as error:
            if self._closed.is_set():
                raise HttpClosedError from None
            return HttpTransportError(target, _problem(error), nothing_sent=isinstance(error, httpx.ConnectError))

    async def _exchange(self, request: httpx.Request, target: str) -> HttpAnswer:
        response = await self._transport.handle_async_request(request)
        if not isinstance(response.stream, AsyncIterable):
            raise HttpAnswerError(target, "the transport is not asynchronous; use one that is")
        try:
            headers = MappingProxyType(dict(response.headers))
            unpacking = Unpacking(target, headers.get("content-encoding", ""), self._policy.max_answer_bytes)
            async for chunk in response.stream:
                self._meter.spend_bytes(len(chunk))
                unpacking.add(chunk)
            return HttpAnswer(response.status_code, headers, unpacking.finish(), target)
        finally:
            await response.aclose()


def _problem(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.ConnectError):
        return " ".join(f"no connection: {error}".split())[:200]
    if isinstance(error, httpx.ProtocolError):
        return "its answer is cut short, or is no HTTP/1.1"
    return "the connection broke"


def _now() -> float:
    return asyncio.get_running_loop().time()


def _target(request: httpx.Request) -> str:
    return f"{request.method} {origin_of(request.url)}"
