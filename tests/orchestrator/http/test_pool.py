"""The pool of connections."""

import asyncio
from typing import Any, cast

import pytest

from orchestrator.clock import run_virtual
from orchestrator.http.connection import Connection, Origin
from orchestrator.http.pool import ConnectionPool
from orchestrator.http_errors import HttpClosedError

HERE, THERE = Origin("http", "here", 80), Origin("http", "there", 80)


class Spoken:
    """A connection that can be used again until it is told otherwise."""

    def __init__(self, origin: Origin) -> None:
        self.origin, self.idle_since = origin, 0.0
        self.is_quiet, self.closed = True, 0

    def make_ready(self) -> bool:
        return self.is_quiet and not self.closed

    def close(self) -> None:
        self.closed += 1


def pool(slots: int = 1, idle_s: float = 10.0) -> tuple[ConnectionPool, list[Any]]:
    made: list[Any] = []

    async def connect(origin: Origin) -> Connection:
        await asyncio.sleep(1)
        made.append(Spoken(origin))
        return cast("Connection", made[-1])

    return ConnectionPool(connect, slots, idle_s), made


async def take(subject: ConnectionPool, origin: Origin = HERE) -> Connection:
    await subject.take_slot()
    return await subject.connection(origin)


def test_a_connection_put_by_serves_the_next_caller_of_its_origin_alone() -> None:
    """Reuse spares the connecting; another origin gets its own, and at the bound the one put by makes room."""

    async def main() -> None:
        subject, made = pool(slots=1)
        subject.give_back(await take(subject))
        subject.give_back(await take(subject))
        assert len(made) == 1
        subject.give_back(await take(subject, THERE))
        assert [c.origin for c in made] == [HERE, THERE]
        assert made[0].closed
        assert subject.statistics().idle == 1

    run_virtual(main())


def test_what_was_idle_too_long_or_has_heard_from_its_peer_is_not_used_again() -> None:
    """A peer that closed, or sent something unasked, would spoil the next exchange."""

    async def main() -> None:
        subject, made = pool(idle_s=10)
        subject.give_back(await take(subject))
        await asyncio.sleep(10.5)
        subject.give_back(await take(subject))
        assert len(made) == 2
        made[1].is_quiet = False
        await take(subject)
        assert len(made) == 3
        assert made[0].closed
        assert made[1].closed

    run_virtual(main())


def test_slots_are_given_in_the_order_of_asking() -> None:
    """Nobody overtakes."""

    async def main() -> None:
        subject, _ = pool()
        order: list[int] = []

        async def caller(number: int) -> None:
            connection = await take(subject)
            order.append(number)
            subject.give_back(connection)

        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(caller(number))
        assert order == [0, 1, 2, 3, 4]
        assert subject.statistics().in_use == 0

    run_virtual(main())


def test_a_slot_given_to_somebody_who_is_cancelled_at_that_moment_goes_on_to_the_next() -> None:
    """The hand-over and the cancellation in one turn of the loop: the case in which httpcore loses a slot."""

    async def main() -> None:
        subject, _ = pool()
        await subject.take_slot()
        async with asyncio.TaskGroup() as group:
            unlucky = group.create_task(subject.take_slot())
            next_one = group.create_task(subject.take_slot())
            await asyncio.sleep(0)
            subject.free_slot()
            unlucky.cancel()
        assert unlucky.cancelled()
        assert next_one.done()
        assert subject.statistics().in_use == 1
        subject.free_slot()
        assert subject.statistics().in_use == 0

    run_virtual(main())


def test_who_is_cancelled_while_waiting_leaves_the_queue() -> None:
    """The queue holds only those who wait."""

    async def main() -> None:
        subject, _ = pool()
        await subject.take_slot()
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(subject.take_slot())
            await asyncio.sleep(0)
            assert subject.statistics().waiting == 1
            waiting.cancel()
        assert subject.statistics().waiting == 0

    run_virtual(main())


def test_the_queue_is_bounded() -> None:
    """Beyond ten thousand waiting callers the next one is refused, not queued."""

    async def main() -> None:
        subject, _ = pool()
        await subject.take_slot()
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(subject.take_slot()) for _ in range(10_000)]
            await asyncio.sleep(0)
            with pytest.raises(OSError, match="wait for a connection already"):
                await subject.take_slot()
            for task in waiting:
                task.cancel()

    run_virtual(main())


def test_closing_drops_what_is_in_use_and_sends_the_waiting_away() -> None:
    """After `close` nothing is open, and nobody gets anything any more; closing twice is closing once."""

    async def main() -> None:
        subject, made = pool()
        connection = await take(subject)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(_closed(subject.take_slot()))
            await asyncio.sleep(0)
            subject.close()
            subject.close()
        assert waiting.done()
        assert made[0].closed
        subject.give_back(connection)
        assert subject.statistics().in_use == subject.statistics().idle == 0
        with pytest.raises(HttpClosedError):
            await subject.take_slot()

    run_virtual(main())


def test_a_connection_that_comes_after_the_closing_is_dropped() -> None:
    """The pool may close while somebody connects."""

    async def main() -> None:
        subject, made = pool()
        async with asyncio.TaskGroup() as group:
            group.create_task(_closed(take(subject)))
            await asyncio.sleep(0.5)
            subject.close()
        assert made[0].closed

    run_virtual(main())


async def _closed(taking: Any) -> None:
    with pytest.raises(HttpClosedError):
        await taking
