"""The in-process bus: publish, subscribe, request and reply within one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from orchestrator.bus.buffer import PriorityBuffer
from orchestrator.bus.statistics import BusStatistics, Deliveries
from orchestrator.bus.subscription import Subscription
from orchestrator.clock import Clock, Ids, SystemClock
from orchestrator.dead_letters import DeadLetter, DeadLetters
from orchestrator.errors import BusClosedError, BusError, RequestTimeoutError
from orchestrator.messages import Envelope
from orchestrator.topics import check_topic, compile_pattern

DEFAULT_QUEUE: Final = 1024
_new: Final = tuple.__new__
_CACHED_TOPICS: Final = 4096


class Tap(Protocol):
    """Whoever hears every envelope before anybody acts on it: the journal."""

    def append(self, envelope: Envelope) -> bool:
        """Take the envelope at once; False asks the publisher to wait for `sync`."""
        ...

    async def sync(self) -> None:
        """Wait until all that was appended is safe."""
        ...


class Fact(NamedTuple):
    """What `publish_all` makes an envelope of, after others."""

    topic: str
    correlation_id: str
    body: Mapping[str, Any]
    measured: Mapping[str, float] | None = None


class _Full(NamedTuple):
    """What a publisher has to wait for: subscriptions without room, and whether the tap lags."""

    waiting: list[tuple[Subscription, asyncio.Future[None]]]
    tap: bool = False


class Bus:
    """Carries envelopes from publishers to subscriptions within one event loop.

    Every envelope is made here: ids count up in the order of publishing. Publishing waits while a matching
    subscription is full; the others get the envelope at once, so that one slow reader delays no other reader. A
    publisher cancelled while it waits has delivered to those that had room, and withdraws from the rest. A handler
    never runs inside `publish`.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        tap: Tap | None = None,
        dead_letters: DeadLetters | None = None,
    ) -> None:
        self._now = (clock or SystemClock()).now
        self._next_id = (ids or Ids("bus")).next
        self._tap = tap
        self.dead_letters = DeadLetters() if dead_letters is None else dead_letters
        self._subscriptions: dict[Subscription, tuple[Callable[[str], bool], ...]] = {}
        self._by_topic: dict[str, tuple[Subscription, ...]] = {}
        self._replies: dict[str, asyncio.Future[Envelope]] = {}
        self._closed = False
        self._published = self._to_the_tap_alone = 0
        self._past = Deliveries()

    # -- subscribing -------------------------------------------------------------------------------------------------

    def subscribe(
        self,
        *patterns: str,
        maxsize: int = DEFAULT_QUEUE,
        priority: Callable[[Envelope], float] | None = None,
    ) -> Subscription:
        """Open a bounded queue for the envelopes published from now on whose topic matches any of the patterns.

        Args:
            patterns: topics, with `*` for one token and a last `>` for the rest; compiled here, once.
            maxsize: envelopes that may wait; beyond it publishers wait.
            priority: gives the urgent ones out first instead of in order of arrival; asked once an envelope.

        Raises:
            TopicError: if a pattern is malformed.
            BusClosedError: if the bus is closed.
        """
        if self._closed:
            raise BusClosedError("the bus is closed")
        subscription = Subscription(
            patterns,
            maxsize=maxsize,
            buffer=deque() if priority is None else PriorityBuffer(priority),
            on_reject=self._keep_dead_letter,
            on_close=self._forget,
        )
        self._subscriptions[subscription] = tuple(compile_pattern(pattern) for pattern in patterns)
        self._by_topic.clear()
        return subscription

    # -- publishing --------------------------------------------------------------------------------------------------

    async def publish(
        self,
        topic: str,
        body: Mapping[str, Any],
        correlation_id: str = "",
        causation_id: str = "",
        measured: Mapping[str, float] | None = None,
    ) -> Envelope:
        """Make an envelope and deliver it to every matching subscription; wait for those that are full.

        Raises:
            TopicError: if the topic is malformed.
            BusClosedError: if the bus is closed, now or while this waits. A single subscription that closes while this
                waits for it lets the envelope expire there and the publisher go on.
        """
        if self._closed:
            raise BusClosedError("the bus is closed")
        # What Envelope(...) does, without a Python call: it is done six times a task.
        envelope = _new(Envelope, (self._next_id(), topic, correlation_id, causation_id, self._now(), body, measured))
        full = self._offer(envelope)
        if full is not None:
            await self._wait(full)
        return envelope

    async def publish_all(
        self, topic: str, bodies: Sequence[tuple[str, Mapping[str, Any]]], causation_id: str, then: Fact | None = None
    ) -> None:
        """Publish an envelope for each pair of correlation id and body, and `then` one, before waiting for anybody.

        So a publisher cancelled while it waits has published every one, and nothing of others stands between them.

        Raises:
            TopicError, BusClosedError: as `publish`.
        """
        envelopes = [self._make(topic, body, correlation_id, causation_id) for correlation_id, body in bodies]
        if then is not None:
            envelopes.append(self._make(then.topic, then.body, then.correlation_id, causation_id, then.measured))
        full = _Full([])
        for envelope in envelopes:
            more = self._offer(envelope)
            if more is not None:
                full = _Full(full.waiting + more.waiting, full.tap or more.tap)
        await self._wait(full)

    async def request(self, topic: str, body: Mapping[str, Any], *, timeout_s: float) -> Envelope:
        """Publish and wait for the reply; the deadline covers both.

        A caller that is cancelled, or gives up, forgets the request; a reply that comes later expires.

        Raises:
            RequestTimeoutError: if no reply came within `timeout_s` seconds.
            BusError: if nobody subscribes to the topic.
        """
        if not (self._by_topic.get(topic) or self._match(topic)):
            raise BusError(f"nobody subscribes to {topic!r}; start its agent before asking it")
        envelope = self._make(topic, body)
        reply: asyncio.Future[Envelope] = asyncio.get_running_loop().create_future()
        self._replies[envelope.id] = reply
        try:
            async with asyncio.timeout(timeout_s):
                await self._deliver(envelope)
                return await reply
        except TimeoutError:
            raise RequestTimeoutError(topic, timeout_s) from None
        finally:
            del self._replies[envelope.id]

    async def reply(self, request: Envelope, body: Mapping[str, Any]) -> None:
        """Answer a request; a second answer, or one after its deadline, expires."""
        envelope = self._make("reply", body, request.correlation_id, request.id)
        keeps_up = True if self._tap is None else self._tap.append(envelope)
        self._published += 1
        self._past.accepted += 1
        waiter = self._replies.get(request.id)
        if waiter is None or waiter.done():
            self._past.expired += 1
        else:
            self._past.handled += 1
            waiter.set_result(envelope)
        if self._tap is not None and not keeps_up:
            await self._tap.sync()

    # -- the end, and looking at it ----------------------------------------------------------------------------------

    def close(self) -> None:
        """Close every subscription; what they hold expires. Requests without a reply get BusClosedError."""
        self._closed = True
        for subscription in tuple(self._subscriptions):
            subscription.close()
        for waiter in self._replies.values():
            if not waiter.done():
                waiter.set_exception(BusClosedError("the bus was closed before the reply"))
                waiter.exception()  # retrieved: the one who asked may still be waiting for room

    def statistics(self) -> BusStatistics:
        """Return the counts as of now."""
        total = self._past.copy()
        for subscription in self._subscriptions:
            total.add(subscription.statistics())
        return BusStatistics(
            published=self._published,
            accepted=total.accepted + self._to_the_tap_alone,
            handled=total.handled + self._to_the_tap_alone,
            dead_lettered=total.dead_lettered,
            expired=total.expired,
            queued=total.queued,
            in_hand=total.in_hand,
            subscriptions=len(self._subscriptions),
            full=tuple(", ".join(subscription.patterns) for subscription in self._subscriptions if subscription.full),
        )

    # -- inside ------------------------------------------------------------------------------------------------------

    def _make(
        self,
        topic: str,
        body: Mapping[str, Any],
        correlation_id: str = "",
        causation_id: str = "",
        measured: Mapping[str, float] | None = None,
    ) -> Envelope:
        if self._closed:
            raise BusClosedError("the bus is closed")
        return Envelope(self._next_id(), topic, correlation_id, causation_id, self._now(), body, measured)

    async def _deliver(self, envelope: Envelope) -> None:
        full = self._offer(envelope)
        if full is not None:
            await self._wait(full)

    def _offer(self, envelope: Envelope) -> _Full | None:
        """Deliver where there is room; return what has to be waited for, if anything has."""
        subscriptions = self._by_topic.get(envelope.topic)
        if subscriptions is None:
            subscriptions = self._match(envelope.topic)
        full = None
        if self._tap is not None and not self._tap.append(envelope):
            full = _Full([], tap=True)
        self._published += 1
        for subscription in subscriptions:
            waiter = subscription.offer(envelope)
            if waiter is not None:
                full = full or _Full([])
                full.waiting.append((subscription, waiter))
        if not subscriptions:
            if self._tap is not None:
                self._to_the_tap_alone += 1
            else:
                self._nobody_subscribed(envelope)
        return full

    async def _wait(self, full: _Full) -> None:
        try:
            for _, waiter in full.waiting:
                await waiter
        finally:
            for subscription, waiter in full.waiting:
                if not waiter.done() or waiter.cancelled():
                    subscription.withdraw(waiter)
        if full.waiting and self._closed:
            raise BusClosedError("the bus was closed while a publisher waited for room")
        if full.tap and self._tap is not None:
            await self._tap.sync()

    def _match(self, topic: str) -> tuple[Subscription, ...]:
        check_topic(topic)
        if len(self._by_topic) >= _CACHED_TOPICS:
            self._by_topic.clear()
        found = tuple(s for s, matchers in self._subscriptions.items() if any(matches(topic) for matches in matchers))
        self._by_topic[topic] = found
        return found

    def _nobody_subscribed(self, envelope: Envelope) -> None:
        self._past.accepted += 1
        self._past.dead_lettered += 1
        self._keep_dead_letter(envelope, f"nobody subscribes to {envelope.topic!r}")

    def _keep_dead_letter(self, envelope: Envelope, cause: str) -> None:
        self.dead_letters.add(DeadLetter(envelope, cause))

    def _forget(self, subscription: Subscription) -> None:
        del self._subscriptions[subscription]
        self._by_topic.clear()
        self._past.add(subscription.statistics())
