"""The transport: httpx's way to the network, through the address guard and our own pool."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from orchestrator.addresses import AddressGuard
from orchestrator.http.connection import Connection, Origin
from orchestrator.http.extra import h11, httpx
from orchestrator.http.pool import ConnectionPool, PoolStatistics
from orchestrator.http.wire import Wire, open_wire

# An address of several that does not answer leaves time for the next one.
_TURN_S: Final = 2.0


class GuardedTransport(httpx.AsyncBaseTransport):
    """Connects to addresses that the guard has checked, and keeps its slots whatever is cancelled when.

    It serves `HttpClient`, and any `httpx.AsyncClient(transport=...)`: clients of model providers take one. It obeys
    the timeouts that httpx puts on a request (pool, connect, read, write), raises httpx's errors for what goes wrong on
    the network and ours for what the guard refuses. HTTP/1.1 only; no proxy, because one would resolve the name again.

    Args:
        guard: says which addresses may be connected to.
        slots: connections at the same time, those put by included.
        idle_s: seconds that an unused connection is kept.
        tls: whom to trust under https; None takes httpx's default, made at the first https connection.
    """

    def __init__(
        self, guard: AddressGuard, *, slots: int = 10, idle_s: float = 15.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._guard, self._tls = guard, tls
        self._pool = ConnectionPool(self._connect, slots, idle_s)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and return the answer, whose body is read from its stream.

        Raises:
            AddressBlockedError: if the guard refuses the host.
            HttpRequestError: if the host has no usual form.
            HttpClosedError: if the transport is closed.
            httpx.TransportError: if there is no answer; a ConnectError, ConnectTimeout or PoolTimeout where nothing was
                sent.
        """
        limits = request.extensions.get("timeout", {})
        async with _limit(limits, "pool", httpx.PoolTimeout):
            with _translated(httpx.ConnectError):
                await self._pool.take_slot()
        try:
            async with _limit(limits, "connect", httpx.ConnectTimeout):
                with _translated(httpx.ConnectError):
                    connection = await self._pool.connection(Origin.of(request.url))
        except BaseException:  # right: raised again; a cancellation must give the slot back, too
            self._pool.free_slot()
            raise
        try:
            head = await _exchange(connection, request, limits)
        except BaseException:  # right: raised again, as above
            connection.close()
            self._pool.give_back(connection)
            raise
        body = _Body(connection, functools.partial(self._pool.give_back, connection), limits)
        return httpx.Response(head.status_code, headers=head.headers.raw_items(), stream=body, request=request)

    async def aclose(self) -> None:
        """Drop all connections, those in use too; any number of times."""
        self._pool.close()

    def statistics(self) -> PoolStatistics:
        """Return the pool's counts."""
        return self._pool.statistics()

    async def _connect(self, origin: Origin) -> Connection:
        addresses = await self._guard.addresses(origin.host, origin.port)
        tls = self._tls_context() if origin.scheme == "https" else None
        for address in addresses[:-1]:
            try:
                async with asyncio.timeout(_TURN_S):
                    return Connection(origin, await self._open(address, origin, tls))
            except OSError:
                continue
        return Connection(origin, await self._open(addresses[-1], origin, tls))

    async def _open(self, address: str, origin: Origin, tls: ssl.SSLContext | None) -> Wire:
        return await open_wire(address, origin.port, tls, origin.host.removesuffix("."))

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        return self._tls


class _Body(httpx.AsyncByteStream):
    """The body of an answer. Its end, or `aclose` at any time, gives the connection back; neither waits.

    An iterator and not a generator: one that is not read to its end would leave its clean-up to an asyncio.Task of the
    loop's.
    """

    def __init__(self, connection: Connection, give_back: functools.partial[None], limits: dict[str, Any]) -> None:
        self._connection, self._give_back, self._limits = connection, give_back, limits
        self._done = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._done:
            raise StopAsyncIteration
        try:
            async with _limit(self._limits, "read", httpx.ReadTimeout):
                with _translated(httpx.ReadError):
                    chunk = await self._connection.receive_chunk()
        except BaseException:  # right: raised again; half an answer is nobody's connection any more
            self._connection.close()
            self._release()
            raise
        if not chunk:
            self._release()
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Give the connection back; one whose answer was not read to its end is dropped."""
        self._release()

    def _release(self) -> None:
        if not self._done:
            self._done = True
            self._give_back()


async def _exchange(connection: Connection, request: httpx.Request, limits: dict[str, Any]) -> Any:
    try:
        async with _limit(limits, "write", httpx.WriteTimeout):
            await connection.send(request)
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError("the request is no HTTP") from error
    except OSError:
        pass  # a peer may refuse a body by answering and closing before it has read it: look for that answer
    async with _limit(limits, "read", httpx.ReadTimeout):
        with _translated(httpx.ReadError):
            return await connection.receive_head()


@asynccontextmanager
async def _limit(limits: dict[str, Any], name: str, error: type[httpx.TimeoutException]) -> AsyncIterator[None]:
    seconds = limits.get(name)
    try:
        async with asyncio.timeout(seconds) as scope:
            yield
    except TimeoutError:
        if not scope.expired():
            raise
        raise error(f"{name} took longer than {seconds:g} s") from None


@contextmanager
def _translated(error: type[httpx.NetworkError]) -> Iterator[None]:
    try:
        yield
    except OSError as cause:
        raise error(f"{type(cause).__name__}: {cause.strerror or cause}") from cause
    except h11.RemoteProtocolError as cause:
        raise httpx.RemoteProtocolError(str(cause)) from cause
