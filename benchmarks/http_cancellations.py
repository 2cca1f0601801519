"""Cancelled HTTP requests: what plain httpx, httpx behind a shield and our client leave behind.

    python -m benchmarks.http_cancellations --cancellations 10000

A server on the loopback answers at once, late, in parts or never. Twenty callers share ten connections; each asks, lets
the loop turn a random number of times, and cancels (every fourth time twice). Then everybody is quiet and ten more
requests are made. See encode/httpcore#1093.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx

from orchestrator import HttpClient, HttpError, HttpPolicy
from orchestrator.addresses import AddressGuard
from orchestrator.http import GuardedTransport
from orchestrator.policy import Retry
from orchestrator.resolver import Resolver

SLOTS: Final = 10
CALLERS: Final = 20
PATIENCE_S: Final = 0.5
_HEAD: Final = b"HTTP/1.1 200 OK\r\n"
_PATHS: Final = ("/", "/", "/after/1", "/after/5", "/after/20", "/parts", "/close", "/never")


class LoopbackServer(asyncio.Protocol):
    """Answers by path, on callbacks alone, so that every asyncio.Task left over is the client's."""

    def __init__(self, connections: set[LoopbackServer]) -> None:
        self._connections, self._buffer = connections, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """End."""
        self._connections.discard(self)

    def drop(self) -> None:
        """End it from this side."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete; none has a body."""
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            self._answer(head.split()[1].decode())

    def _answer(self, path: str) -> None:
        whole = _HEAD + b"Content-Length: 2\r\n\r\n{}"
        if path == "/":
            self._say([whole])
        elif path.startswith("/after/"):
            self._say([b""] * int(path[7:]) + [whole])
        elif path == "/parts":
            self._say([_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"4\r\nabcd\r\n"] * 6, b"0\r\n\r\n"])
        elif path == "/close":
            self._say([_HEAD + b"Connection: close\r\n\r\n{}", None])

    def _say(self, parts: Sequence[bytes | None]) -> None:
        part, *rest = parts
        if part is None:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write(part)
        if rest:
            asyncio.get_running_loop().call_soon(self._say, rest)


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """Serve on a free port of the loopback; yields the URL without its path."""
    connections: set[LoopbackServer] = set()
    server = await asyncio.get_running_loop().create_server(lambda: LoopbackServer(connections), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for connection in connections:
            connection.drop()
        await asyncio.sleep(0)


Ask = Callable[[str], Awaitable[int]]
Subject = Callable[[], Any]
FAILURES: Final = (httpx.HTTPError, HttpError)


@asynccontextmanager
async def plain_httpx() -> AsyncIterator[tuple[Ask, Callable[[], int]]]:
    """What everybody uses, and what this is about."""
    limits = httpx.Limits(max_connections=SLOTS)
    async with httpx.AsyncClient(limits=limits, timeout=PATIENCE_S, trust_env=False) as client:
        pool = client._transport._pool  # type: ignore[attr-defined]  # noqa: SLF001 - what leaks is inside

        async def ask(url: str) -> int:
            return (await client.get(url)).status_code

        yield ask, lambda: sum(not connection.is_idle() for connection in pool.connections)


@asynccontextmanager
async def shielded_httpx() -> AsyncIterator[tuple[Ask, Callable[[], int]]]:
    """Each request in an asyncio.Task that its caller's cancellation does not reach: it goes on."""
    async with plain_httpx() as (plain, slots), asyncio.TaskGroup() as group:

        async def guarded(url: str) -> int:
            try:
                return await plain(url)
            except httpx.HTTPError:
                return 0

        async def ask(url: str) -> int:
            return await asyncio.shield(group.create_task(guarded(url)))

        yield ask, slots


@asynccontextmanager
async def our_transport() -> AsyncIterator[tuple[Ask, Callable[[], int]]]:
    """Httpx's client over our transport."""
    resolver = Resolver()
    transport = GuardedTransport(AddressGuard(["127.0.0.1"], resolver), slots=SLOTS)
    async with httpx.AsyncClient(transport=transport, timeout=PATIENCE_S, trust_env=False) as client:

        async def ask(url: str) -> int:
            return (await client.get(url)).status_code

        yield ask, lambda: transport.statistics().in_use
    resolver.close()


@asynccontextmanager
async def our_client() -> AsyncIterator[tuple[Ask, Callable[[], int]]]:
    """What agents get."""
    policy = HttpPolicy(timeout_s=PATIENCE_S, connections=SLOTS, retry=Retry(max_attempts=1))
    async with HttpClient(allow=["127.0.0.1"], policy=policy) as client:

        async def ask(url: str) -> int:
            return (await client.get(url)).status

        def slots() -> int:
            pool = client.statistics().pool
            assert pool is not None
            return pool.in_use

        yield ask, slots


SUBJECTS: Final[dict[str, Subject]] = {
    "httpx": plain_httpx,
    "httpx, shielded": shielded_httpx,
    "httpx, our transport": our_transport,
    "our client": our_client,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was left, once all callers were quiet.

    Attributes:
        cancelled: requests cancelled.
        tasks, slots: asyncio.Tasks and pool slots right after the last cancellation.
        good: of ten further requests, those answered.
        threads, descriptors: more than before, after the client was closed.
    """

    cancelled: int
    tasks: int
    slots: int
    good: int
    threads: int = 0
    descriptors: int = 0


async def measure(subject: Subject, cancellations: int, seed: int) -> Outcome:
    """Cancel so many requests at random and look at what is left."""
    async with serving() as url:
        before = _descriptors(), threading.active_count()
        async with subject() as (ask, slots):
            cancelled = await _churn(ask, url, cancellations, random.Random(seed))
            for _ in range(3):  # a cancelled asyncio.Task of an inner library may need a turn to end
                await asyncio.sleep(0)
            outcome = Outcome(cancelled, len(asyncio.all_tasks()) - 1, slots(), 0)
            good = 0
            for _ in range(10):
                with contextlib.suppress(*FAILURES):
                    good += await ask(f"{url}/") == 200
        for _ in range(1000):  # until the server has noticed, too
            if _descriptors() <= before[0]:
                break
            await asyncio.sleep(0)
        return replace(
            outcome, good=good, threads=threading.active_count() - before[1], descriptors=_descriptors() - before[0]
        )


async def _churn(ask: Ask, url: str, cancellations: int, rng: random.Random) -> int:
    cancelled = 0

    async def caller() -> None:
        nonlocal cancelled
        while cancelled < cancellations:
            task = group.create_task(_settled(ask, url + rng.choice(_PATHS)))
            for _ in range(rng.randrange(16)):
                await asyncio.sleep(0)
            twice = rng.random() < 0.25
            task.cancel()
            if twice:
                await asyncio.sleep(0)
                task.cancel()
            await asyncio.wait([task])
            cancelled += task.cancelled()

    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(caller())
    return cancelled


async def _settled(ask: Ask, url: str) -> int:
    try:
        return await ask(url)
    except FAILURES:
        return 0


def _descriptors() -> int:
    folder = "/proc/self/fd"
    return len(os.listdir(folder)) if os.path.isdir(folder) else 0  # noqa: PTH112, PTH208 - counted in a tight loop


def main() -> None:
    """Print one line for each subject."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cancellations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=SUBJECTS)
    options = parser.parse_args()
    print("| client | cancelled | answered after | slots | tasks | threads | descriptors | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for name in [options.only] if options.only else SUBJECTS:
        began = time.perf_counter()
        left = asyncio.run(measure(SUBJECTS[name], options.cancellations, options.seed))
        took = time.perf_counter() - began
        cells = (name, f"{left.cancelled:,}", f"{left.good} of 10", left.slots, left.tasks, left.threads)
        print("|", " | ".join(map(str, (*cells, left.descriptors, f"{took:.0f}"))), "|")


if __name__ == "__main__":
    main()
