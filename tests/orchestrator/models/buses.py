"""The bus against its reference: who hears what, in which order, who waits, and how each delivery ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from orchestrator.bus import Bus, Subscription
from orchestrator.clock import Ids, VirtualClock
from orchestrator.errors import BusClosedError
from orchestrator.messages import Envelope
from tests.orchestrator.models.bus_reference import Queue, priority
from tests.orchestrator.models.machine import Machine

TOPICS: Final = ("a", "a.b", "a.b.c", "b", "b.a")
PATTERNS: Final = ("a", "*", "a.*", "a.>", "*.*", ">", "b.a", "*.b.>")
NUMBERS: Final = st.integers(0, 99)


class BusMachine(Machine):
    """Drives a real bus in virtual time, one quiet moment after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.queues: list[Queue] = []
        self.real: list[Subscription] = []
        self.publishers: dict[str, asyncio.Task[Any]] = {}  # by the last envelope of each
        self.waiting_for: dict[str, list[str]] = {}
        self.owners: dict[int, tuple[int, asyncio.Task[Envelope]]] = {}
        self.names = self.numbers = self.unheard = 0

    def quietly(self, work: Coroutine[Any, Any, Any] | None = None) -> None:
        """Do something and wait until all is quiet."""

        async def quietly() -> None:
            if work is not None:
                await work
            await asyncio.sleep(1e-6)

        self.do(quietly())

    @property
    def open(self) -> list[int]:
        return [number for number, queue in enumerate(self.queues) if not queue.closed]

    @property
    def held(self) -> list[tuple[int, str]]:
        return [(number, name) for number, queue in enumerate(self.queues) for name in queue.in_hand]

    # -- the rules ---------------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.bus = Bus(clock=VirtualClock(), ids=Ids("r"))

    @precondition(lambda self: len(self.open) < 5)
    @rule(
        patterns=st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2),
        maxsize=st.integers(1, 3),
        by_priority=st.booleans(),
    )
    def subscribe(self, patterns: list[str], maxsize: int, by_priority: bool) -> None:  # noqa: FBT001 - drawn
        async def subscribe() -> None:
            given: Any = {"priority": lambda envelope: priority(envelope.id)} if by_priority else {}
            self.real.append(self.bus.subscribe(*patterns, maxsize=maxsize, **given))

        self.quietly(subscribe())
        self.queues.append(Queue(tuple(patterns), maxsize, by_priority))

    @rule(topics=st.lists(st.sampled_from(TOPICS), min_size=1, max_size=3), together=st.booleans())
    def publish(self, topics: list[str], together: bool) -> None:  # noqa: FBT001 - drawn
        """One after the other, by a publisher each; or all before the publisher waits for anybody."""
        groups = [[topics[0]] * len(topics)] if together else [[topic] for topic in topics]
        for group in groups:
            made = [str(self.names + number) for number in range(1, len(group) + 1)]
            self.names += len(group)
            work: Any = (
                self.bus.publish_all(group[0], [("", {})] * len(group), "")
                if together
                else self.bus.publish(group[0], {})
            )
            for name in made:
                hearers = [q for q in self.queues if not q.closed and q.hears(group[0])]
                for queue in hearers:
                    queue.offer(name)
                self.unheard += not hearers
            self.waiting_for[made[-1]] = made

            async def begin(work: Any = work, name: str = made[-1]) -> None:
                self.publishers[name] = self.loop.create_task(work)

            self.quietly(begin())

    @precondition(lambda self: self._blocked())
    @rule(number=NUMBERS)
    def cancel_a_publisher(self, number: int) -> None:
        """It withdraws what waits; what was delivered stays."""
        blocked = self._blocked()
        name = blocked[number % len(blocked)]
        self.publishers[name].cancel()
        for queue in self.queues:
            queue.blocked = [waiting for waiting in queue.blocked if waiting not in self.waiting_for[name]]
        self.quietly()
        assert self.publishers.pop(name).cancelled()

    def _blocked(self) -> list[str]:
        waiting = {name for queue in self.queues for name in queue.blocked}
        return [last for last, names in self.waiting_for.items() if last in self.publishers and waiting & set(names)]

    @precondition(lambda self: self.open)
    @rule(number=NUMBERS, owners=st.integers(1, 2))
    def receive(self, number: int, owners: int) -> None:
        which = self.open[number % len(self.open)]
        for _ in range(owners):
            self.numbers += 1
            self.queues[which].ask(self.numbers)

            async def begin(owner: int = self.numbers) -> None:
                self.owners[owner] = which, self.loop.create_task(self.real[which].receive())

            self.quietly(begin())

    @precondition(lambda self: any(queue.owners for queue in self.queues))
    @rule(number=NUMBERS, topic=st.sampled_from([None, *TOPICS]))
    def cancel_an_owner(self, number: int, topic: str | None) -> None:
        """While it waits; or in the very moment in which it is given something, which goes to the next one, or back."""
        waiting = [owner for queue in self.queues for owner in queue.owners]
        owner = waiting[number % len(waiting)]
        which, task = self.owners.pop(owner)
        queue = self.queues[which]
        if topic is None:
            queue.owners.remove(owner)
            task.cancel()
            self.quietly()
            return
        self.names += 1
        name = str(self.names)
        hearers = [q for q in self.queues if not q.closed and q.hears(topic)]
        for other in hearers:
            other.offer(name)
        self.unheard += not hearers
        self.waiting_for[name] = [name]

        async def publish_and_cancel() -> None:
            self.publishers[name] = self.loop.create_task(self.bus.publish(topic, {}))
            await asyncio.sleep(0)  # it has published; who is given something does not know yet
            task.cancel()

        if queue.got.pop(owner, None) is None:
            queue.owners.remove(owner)
        else:
            queue.take_back(name)
        self.quietly(publish_and_cancel())

    @precondition(lambda self: self.held)
    @rule(number=NUMBERS, how=st.sampled_from(["done", "reject", "requeue"]))
    def settle(self, number: int, how: str) -> None:
        which, name = self.held[number % len(self.held)]
        queue, real = self.queues[which], self.real[which]
        envelope = Envelope(name, "a", "", "", 0.0, {})

        async def settle() -> None:
            if how == "done":
                real.done()
            elif how == "reject":
                real.reject(envelope, "no")
            else:
                real.requeue(envelope)

        if how == "requeue":
            queue.give_back(name)
        else:
            queue.in_hand.remove(name)
            queue.handled += how == "done"
            queue.dead += how == "reject"
        self.quietly(settle())

    @precondition(lambda self: self.open)
    @rule(number=NUMBERS)
    def close_one(self, number: int) -> None:
        """What it holds expires; its publishers go on, its owners are told."""
        which = self.open[number % len(self.open)]
        self.queues[which].close()

        async def close() -> None:
            self.real[which].close()

        self.quietly(close())

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def agrees_with_the_reference(self) -> None:
        for queue, real in zip(self.queues, self.real, strict=True):
            s = real.statistics()
            assert (s.handled, s.dead_lettered, s.expired, s.queued, s.in_hand) == queue.ends
            assert s.accepted == sum(queue.ends)
        blocked = self._blocked()
        assert {name for name, task in self.publishers.items() if not task.done()} == set(blocked)
        for owner, (which, task) in self.owners.items():
            queue = self.queues[which]
            if owner in queue.got:
                assert task.result().id == queue.got[owner]
            elif queue.closed:
                assert isinstance(task.exception(), BusClosedError)
            else:
                assert not task.done()

    @invariant()
    def every_delivery_ends_in_one_way(self) -> None:
        if not self.queues:
            return
        s = self.bus.statistics()
        assert s.accepted == s.handled + s.dead_lettered + s.expired + s.queued + s.in_hand
        assert s.accepted == sum(sum(queue.ends) for queue in self.queues) + self.unheard
        assert s.published == self.names
        assert s.subscriptions == len(self.open)

    def finish(self) -> None:
        """Drain what is left, in the order of the reference, and close: everybody who waits is told."""

        async def finish() -> None:
            for queue, real in zip(self.queues, self.real, strict=True):
                while queue.queued:
                    queue.ask(0)
                    envelope = real.receive_nowait()
                    assert envelope is not None
                    assert envelope.id == queue.got[0]
                assert real.receive_nowait() is None
            waiting = [task for task in self.publishers.values() if not task.done()]
            waiting += [task for _, task in self.owners.values() if not task.done()]
            self.bus.close()
            await asyncio.sleep(1e-6)
            assert all(isinstance(task.exception(), BusClosedError) for task in waiting)

        self.do(finish())
        s = self.bus.statistics()
        assert (s.queued, s.in_hand, s.subscriptions) == (0, 0, 0)
        assert s.accepted == s.handled + s.dead_lettered + s.expired
