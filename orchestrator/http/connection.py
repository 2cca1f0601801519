"""The connection: HTTP/1.1 over one wire, by h11, one exchange at a time."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Any, Final, NamedTuple

from orchestrator.http.extra import h11, httpx
from orchestrator.http.wire import Wire

_LARGEST_HEAD: Final = 64 * 1024


class Origin(NamedTuple):
    """Whom a connection leads to: 'http' or 'https', the host as ASCII, the port."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: httpx.URL) -> Origin:
        """Return the origin of a URL."""
        return cls(url.scheme, url.raw_host.decode("ascii").lower(), url.port or (443 if url.scheme == "https" else 80))


class Connection:
    """One exchange after the other on one wire.

    Attributes:
        origin: whom it leads to.
        idle_since: loop time when it was last put by.
    """

    def __init__(self, origin: Origin, wire: Wire) -> None:
        self.origin, self.idle_since = origin, 0.0
        self._wire = wire
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)

    async def send(self, request: httpx.Request) -> None:
        """Send a request, all of it.

        Raises:
            h11.LocalProtocolError: if it is no HTTP.
            OSError: if the connection broke.
        """
        method, target = request.method.encode("ascii"), request.url.raw_path
        await self._emit(h11.Request(method=method, target=target, headers=request.headers.raw))
        if not isinstance(request.stream, AsyncIterable):
            raise h11.LocalProtocolError("the body is not asynchronous")
        async for chunk in request.stream:
            await self._emit(h11.Data(data=chunk))
        await self._emit(h11.EndOfMessage())

    async def receive_head(self) -> h11.Response:
        """Return status and headers of the answer; interim answers are skipped.

        Raises:
            h11.RemoteProtocolError: if the peer does not speak HTTP/1.1, or closed without an answer.
            OSError: if the connection broke.
        """
        while True:
            event = await self._receive()
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse) or event.status_code == 101:
                raise h11.RemoteProtocolError("it closed without an answer, or switched to another protocol")

    async def receive_chunk(self) -> bytes:
        """Return the next part of the body; empty at its end.

        Raises:
            h11.RemoteProtocolError: if the body is cut short or malformed.
            OSError: if the connection broke.
        """
        while True:
            event = await self._receive()
            if not isinstance(event, h11.Data):
                return b""
            if event.data:
                return bytes(event.data)

    def make_ready(self) -> bool:
        """Make ready for another exchange; False where that cannot be.

        A peer that has sent more than its answer is not asked again: the next caller would read that as its own answer.
        """
        done = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        if not done or self._http.trailing_data[0] or not self._wire.is_quiet:
            return False
        self._http.start_next_cycle()
        return True

    @property
    def is_quiet(self) -> bool:
        """Whether the peer neither closed nor sent anything since the last exchange."""
        return self._wire.is_quiet

    def close(self) -> None:
        """Drop it now; any number of times."""
        self._wire.close()

    async def _emit(self, event: Any) -> None:
        data = self._http.send(event)
        if data:
            await self._wire.write(data)

    async def _receive(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._wire.read())
        return event
