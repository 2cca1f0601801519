"""The wire: one TCP or TLS connection, closed at once and without an await whatever its user is doing."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final, cast

_READ_AHEAD: Final = 256 * 1024


class Wire(asyncio.Protocol):
    """Bytes in and out. One reader and one writer at a time.

    Up to 256 KB are read ahead of the reader; beyond that the peer has to wait. Closing has no await, so no
    cancellation, however often and whenever it comes, can leave a socket behind.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._reading_paused = self._writing_paused = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def is_made(self) -> bool:
        """Whether it was ever there."""
        return self._transport is not None

    @property
    def is_quiet(self) -> bool:
        """Whether it is open and the peer has sent nothing that nobody read: what a connection must be between uses."""
        return not (self._buffer or self._ended or self._transport is None or self._transport.is_closing())

    async def read(self) -> bytes:
        """Return what has come, at least one byte; empty at the end.

        Raises:
            OSError: if the connection broke.
        """
        while not self._buffer and not self._ended:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()
        if not data and self._error is not None:
            raise ConnectionResetError("the connection broke") from self._error
        return data

    async def write(self, data: bytes) -> None:
        """Send, and wait while the peer is slow to take it.

        Raises:
            OSError: if the connection is closed.
        """
        if self._ended or self._transport is None:
            raise ConnectionResetError("the connection is closed")
        self._transport.write(data)
        while self._writing_paused and not self._ended:
            self._writer = asyncio.get_running_loop().create_future()
            try:
                await self._writer
            finally:
                self._writer = None

    def close(self) -> None:
        """Drop the connection now, with whatever was not yet sent; any number of times."""
        if self._transport is not None:
            self._transport.abort()
        self._end(ConnectionAbortedError("closed on this side"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hear from the loop that the connection is there."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hear from the loop what came."""
        self._buffer += data
        if len(self._buffer) > _READ_AHEAD and self._transport is not None and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        """Hear from the loop that the peer will send no more."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Hear from the loop that the connection is gone."""
        self._end(exc)

    def pause_writing(self) -> None:
        """Hear from the loop that the peer is slow."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """Hear from the loop that the peer caught up."""
        self._writing_paused = False
        _wake(self._writer)

    def _end(self, error: Exception | None) -> None:
        if not self._ended:
            self._ended, self._error = True, error
        _wake(self._reader)
        _wake(self._writer)


async def open_wire(address: str, port: int, tls: ssl.SSLContext | None, name: str) -> Wire:
    """Connect to an address, which is not resolved again; under TLS the peer must prove to be `name`.

    Raises:
        OSError: if that fails; `ssl.SSLError` is one.
    """
    loop = asyncio.get_running_loop()
    transport, wire = await loop.create_connection(Wire, address, port, ssl=tls, server_hostname=name if tls else None)
    if not wire.is_made:  # the loop went on although its callback failed: nobody else could close this
        transport.abort()
        raise ConnectionAbortedError("the connection was made and could not be taken over")
    return wire


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
