"""Subscription: a bounded queue of envelopes that its owner drains."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.bus.buffer import Buffer
from orchestrator.errors import BusClosedError
from orchestrator.messages import Envelope


@dataclass(frozen=True, slots=True)
class SubscriptionStatistics:
    """A snapshot of one subscription. `accepted` always equals the sum of the other counts.

    Attributes:
        accepted: envelopes taken over from publishers.
        handled: settled by `done`.
        dead_lettered: settled by `reject`.
        expired: still queued or in hand when the subscription closed.
        queued: waiting to be received.
        in_hand: received and not settled yet.
    """

    accepted: int
    handled: int
    dead_lettered: int
    expired: int
    queued: int
    in_hand: int


class Subscription:
    """A bounded queue of the envelopes whose topic matches one of its patterns.

    Full: the publisher waits, in order of arrival, until the owner takes an envelope. A publisher cancelled while
    it waits withdraws its envelope from this queue. An owner cancelled in `receive` loses nothing: an envelope that
    was already on its way to it goes back to the head of the queue.

    Drain it either with `async for`, which settles each envelope as handled when the next one is asked for, or with
    `receive` followed by `done`, `reject` or `requeue`; several workers of one owner may do the latter at once.
    """

    __slots__ = (
        "_accepted",
        "_blocked",
        "_closed",
        "_dead_lettered",
        "_drained",
        "_expired",
        "_handled",
        "_in_hand",
        "_iterating",
        "_loop",
        "_maxsize",
        "_on_close",
        "_on_reject",
        "_queue",
        "_receivers",
        "patterns",
    )

    def __init__(
        self,
        patterns: tuple[str, ...],
        *,
        maxsize: int,
        buffer: Buffer,
        on_reject: Callable[[Envelope, str], None],
        on_close: Callable[[Subscription], None],
    ) -> None:
        if maxsize < 1:
            raise ValueError(f"maxsize must be at least 1, not {maxsize}: an unbounded queue hides a slow consumer")
        self.patterns = patterns
        self._loop = asyncio.get_running_loop()
        self._maxsize, self._queue = maxsize, buffer
        self._on_reject, self._on_close = on_reject, on_close
        self._receivers: deque[asyncio.Future[Envelope]] = deque()
        self._blocked: deque[tuple[asyncio.Future[None], Envelope]] = deque()
        self._accepted = self._handled = self._dead_lettered = self._expired = self._in_hand = 0
        self._iterating = self._closed = False
        self._drained: asyncio.Future[None] | None = None

    # -- the publisher's side, called by the bus ---------------------------------------------------------------------

    def offer(self, envelope: Envelope) -> asyncio.Future[None] | None:
        """Take the envelope, or return a future that is done once there was room for it."""
        if self._receivers and self._hand_over(envelope):
            self._accepted += 1
            return None
        if len(self._queue) < self._maxsize and not self._blocked:
            self._accepted += 1
            self._queue.append(envelope)
            return None
        waiter = self._loop.create_future()
        self._blocked.append((waiter, envelope))
        return waiter

    def withdraw(self, waiter: asyncio.Future[None]) -> None:
        """Take back an offer whose publisher was cancelled while it waited for room."""
        self._blocked = deque(entry for entry in self._blocked if entry[0] is not waiter)

    # -- the owner's side --------------------------------------------------------------------------------------------

    async def receive(self) -> Envelope:
        """Wait for the next envelope and take it in hand.

        Raises:
            BusClosedError: if the subscription is closed, now or while waiting.
        """
        envelope = self.receive_nowait()
        if envelope is not None:
            return envelope
        if self._closed:
            raise BusClosedError(f"the subscription to {', '.join(self.patterns)} is closed")
        receiver: asyncio.Future[Envelope] = self._loop.create_future()
        self._receivers.append(receiver)
        try:
            return await receiver
        except asyncio.CancelledError:
            if receiver.done() and not receiver.cancelled() and receiver.exception() is None:
                self._take_back(receiver.result())
            raise

    def receive_nowait(self) -> Envelope | None:
        """Take the next envelope in hand if there is one already."""
        if not self._queue:
            return None
        envelope = self._queue.popleft()
        self._in_hand += 1
        if self._blocked:
            self._admit_blocked()
        return envelope

    @property
    def queued(self) -> int:
        """How many envelopes wait to be received."""
        return len(self._queue)

    @property
    def full(self) -> bool:
        """Whether a publisher waits for room."""
        return any(not waiter.done() for waiter, _ in self._blocked)

    async def drained(self) -> None:
        """Wait until nothing is queued or in hand, or the subscription is closed."""
        while not self._closed and (self._queue or self._in_hand or self._blocked):
            if self._drained is None:
                self._drained = self._loop.create_future()
            await asyncio.shield(self._drained)

    def done(self, count: int = 1) -> None:
        """Settle envelopes in hand as handled."""
        if not self._closed:  # closing has settled them as expired
            self._in_hand -= count
            self._handled += count
            if self._drained is not None:
                self._tell_drained()

    def reject(self, envelope: Envelope, cause: str) -> None:
        """Settle an envelope in hand as a dead letter, with its cause."""
        if not self._closed:
            self._in_hand -= 1
            self._dead_lettered += 1
            self._on_reject(envelope, cause)
            if self._drained is not None:
                self._tell_drained()

    def requeue(self, envelope: Envelope) -> None:
        """Put an envelope in hand back into the queue, past the bound: it was inside already."""
        if not self._closed:
            self._in_hand -= 1
            if not self._hand_over(envelope):
                self._queue.append(envelope)

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Envelope:
        if self._iterating:
            self._iterating = False
            self.done()
        try:
            envelope = await self.receive()
        except BusClosedError:
            raise StopAsyncIteration from None
        self._iterating = True
        return envelope

    def close(self) -> None:
        """Stop for good: what is queued, in hand or waiting for room expires, waiting owners get BusClosedError."""
        if self._closed:
            return
        self._closed = True
        self._expired += len(self._queue) + self._in_hand
        self._in_hand = 0
        self._queue.clear()
        for waiter, _ in self._blocked:
            if not waiter.done():
                self._accepted += 1
                self._expired += 1
                waiter.set_result(None)
        for receiver in self._receivers:
            if not receiver.done():
                receiver.set_exception(BusClosedError(f"the subscription to {', '.join(self.patterns)} was closed"))
        self._blocked.clear()
        self._receivers.clear()
        self._tell_drained()
        self._on_close(self)

    def statistics(self) -> SubscriptionStatistics:
        """Return the counts as of now."""
        return SubscriptionStatistics(
            accepted=self._accepted,
            handled=self._handled,
            dead_lettered=self._dead_lettered,
            expired=self._expired,
            queued=len(self._queue),
            in_hand=self._in_hand,
        )

    # -- inside ------------------------------------------------------------------------------------------------------

    def _hand_over(self, envelope: Envelope) -> bool:
        """Give the envelope straight to a waiting owner; the queue is empty whenever one waits."""
        while self._receivers:
            receiver = self._receivers.popleft()
            if not receiver.done():
                receiver.set_result(envelope)
                self._in_hand += 1
                return True
        return False

    def _tell_drained(self) -> None:
        if self._drained is not None and not self._queue and not self._in_hand:
            self._drained.set_result(None)
            self._drained = None

    def _take_back(self, envelope: Envelope) -> None:
        """Undo a hand-over whose owner was cancelled before it woke up."""
        if not self._closed:
            self._in_hand -= 1
            if not self._hand_over(envelope):
                self._queue.appendleft(envelope)

    def _admit_blocked(self) -> None:
        """Let the publisher that waits longest put its envelope into the room just made."""
        while self._blocked and len(self._queue) < self._maxsize:
            waiter, envelope = self._blocked.popleft()
            if not waiter.done():
                self._accepted += 1
                self._queue.append(envelope)
                waiter.set_result(None)
