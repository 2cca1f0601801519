"""The pool: how many connections there may be, who has one, and which are put by for the next caller."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from orchestrator.http.connection import Connection, Origin
from orchestrator.http_errors import HttpClosedError

_WAITING: Final = 10_000


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """A snapshot of a pool. There are never more connections than slots.

    Attributes:
        slots: connections there may be.
        in_use: slots taken, by who is about to connect, connects or speaks.
        idle: connections put by.
        waiting: callers that wait for a slot.
        opened: connections made so far.
    """

    slots: int
    in_use: int
    idle: int
    waiting: int
    opened: int


class ConnectionPool:
    """Slots handed out in the order of asking, and connections kept between exchanges.

    Nothing here waits but for a slot and for the connecting itself, and nothing that frees a slot or closes a
    connection has an await: a cancelled caller gives back what it had before its cancellation goes on. (httpcore's pool
    loses the slot of a request that is cancelled between being given a connection and using it: encode/httpcore#1093.)

    At most 10,000 callers wait; the next one is refused with an OSError. Who is cancelled while waiting leaves the
    queue; if it had just been given a slot, the next in the queue gets it.
    """

    def __init__(self, connect: Callable[[Origin], Awaitable[Connection]], slots: int, idle_s: float) -> None:
        self._connect, self._slots, self._idle_s = connect, slots, idle_s
        self._taken = self._opened = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle: list[Connection] = []  # the longest unused first
        self._in_use: set[Connection] = set()
        self._closed = False

    async def take_slot(self) -> None:
        """Wait for a slot; it must be given back by `free_slot` or `give_back`.

        Raises:
            HttpClosedError: if the pool is closed.
            OSError: if too many wait already.
        """
        if self._closed:
            raise HttpClosedError
        if self._taken < self._slots:
            self._taken += 1
            return
        if len(self._waiting) >= _WAITING:
            raise OSError(f"{_WAITING} requests wait for a connection already")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.exception() is None:
                self.free_slot()  # given to us and not taken up
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    async def connection(self, origin: Origin) -> Connection:
        """Return a connection for the slot that the caller holds: one put by, else a new one.

        Raises:
            HttpClosedError: if the pool is closed.
            OSError, PointsmanError: whatever connecting raises.
        """
        connection = self._put_by(origin)
        if connection is None:
            while self._idle and len(self._idle) + self._taken > self._slots:
                self._idle.pop(0).close()
            connection = await self._connect(origin)
            self._opened += 1
        if self._closed:
            connection.close()
            raise HttpClosedError
        self._in_use.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """Give back slot and connection: put it by if it can be used again, else drop it."""
        self._in_use.discard(connection)
        if not self._closed and connection.make_ready():
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.close()
        self.free_slot()

    def free_slot(self) -> None:
        """Give a slot back without a connection."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._taken -= 1

    def close(self) -> None:
        """Drop all connections, those in use as well, and send everybody away who waits; any number of times."""
        self._closed = True
        for connection in (*self._idle, *self._in_use):
            connection.close()
        self._idle.clear()
        for turn in self._waiting:
            if not turn.done():
                turn.set_exception(HttpClosedError())
        self._waiting.clear()

    def statistics(self) -> PoolStatistics:
        """Return the counts as of now."""
        return PoolStatistics(self._slots, self._taken, len(self._idle), len(self._waiting), self._opened)

    def _put_by(self, origin: Origin) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - self._idle_s
        for connection in [c for c in self._idle if c.idle_since < oldest or not c.is_quiet]:
            self._idle.remove(connection)
            connection.close()
        for connection in reversed(self._idle):
            if connection.origin == origin:
                self._idle.remove(connection)
                return connection
        return None
