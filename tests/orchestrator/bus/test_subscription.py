import asyncio

import pytest

from orchestrator.bus import Bus, SubscriptionStatistics
from orchestrator.dead_letters import DeadLetter, DeadLetters
from orchestrator.errors import BusClosedError
from orchestrator.messages import Envelope
from orchestrator.testing import in_virtual_time, until_blocked


async def fill(bus: Bus, count: int, topic: str = "x") -> None:
    for n in range(count):
        await bus.publish(topic, {"n": n})


@in_virtual_time
async def test_a_waiting_owner_gets_the_envelope_directly() -> None:
    """Direct hand-off: the queue is never touched, so a queue of one serves any number of waiting owners."""
    bus = Bus()
    subscription = bus.subscribe("x", maxsize=1)
    async with asyncio.TaskGroup() as group:
        owners = [group.create_task(subscription.receive()) for _ in range(3)]
        await until_blocked()
        await fill(bus, 3)
        assert subscription.statistics().queued == 0
        assert subscription.statistics().in_hand == 3
    assert [owner.result().body["n"] for owner in owners] == [0, 1, 2]


@in_virtual_time
async def test_an_owner_cancelled_in_the_moment_of_the_hand_over_loses_nothing() -> None:
    """The envelope that was on its way goes to the next owner that waits, or back to the head of the queue."""
    bus = Bus()
    subscription = bus.subscribe("x")
    async with asyncio.TaskGroup() as group:
        first = group.create_task(subscription.receive())
        await until_blocked()
        await fill(bus, 2)
        first.cancel()
        await until_blocked()
        assert [e.body["n"] for _ in range(2) if (e := subscription.receive_nowait())] == [0, 1]
        first, second = (group.create_task(subscription.receive()) for _ in range(2))
        await until_blocked()
        await bus.publish("x", {"n": 7})
        first.cancel()
    assert second.result().body["n"] == 7
    assert subscription.statistics() == SubscriptionStatistics(3, 0, 0, 0, 0, 3)


@in_virtual_time
async def test_an_owner_cancelled_while_it_waits_takes_nothing() -> None:
    """The next envelope goes to whoever still waits."""
    bus = Bus()
    subscription = bus.subscribe("x")
    async with asyncio.TaskGroup() as group:
        gone, here = (group.create_task(subscription.receive()) for _ in range(2))
        await until_blocked()
        gone.cancel()
        await fill(bus, 1)
    assert here.result().body["n"] == 0


@in_virtual_time
async def test_a_hand_over_cancelled_after_closing_changes_no_count() -> None:
    """What was on its way has expired with the rest."""
    bus = Bus()
    subscription = bus.subscribe("x")
    async with asyncio.TaskGroup() as group:
        owner = group.create_task(subscription.receive())
        await until_blocked()
        await fill(bus, 1)
        owner.cancel()
        subscription.close()
    assert subscription.statistics() == SubscriptionStatistics(1, 0, 0, 1, 0, 0)


@in_virtual_time
async def test_iterating_settles_each_envelope_when_the_next_is_asked_for() -> None:
    """Leaving the loop early leaves the last one in hand; closing ends it."""
    bus = Bus()
    subscription = bus.subscribe("x")
    await fill(bus, 3)
    async for envelope in subscription:
        if envelope.body["n"] == 1:
            break
    assert subscription.statistics() == SubscriptionStatistics(3, 1, 0, 0, 1, 1)
    subscription.close()
    assert [envelope async for envelope in subscription] == []
    assert subscription.statistics() == SubscriptionStatistics(3, 1, 0, 2, 0, 0)


@in_virtual_time
async def test_a_rejected_envelope_is_a_dead_letter_with_its_cause() -> None:
    """Given up is given up with a reason."""
    bus = Bus()
    subscription = bus.subscribe("x")
    await fill(bus, 1)
    envelope = await subscription.receive()
    subscription.reject(envelope, "too hot")
    assert list(bus.dead_letters) == [DeadLetter(envelope, "too hot")]
    assert subscription.statistics().dead_lettered == 1


@in_virtual_time
async def test_a_requeued_envelope_waits_again_even_where_the_queue_is_full() -> None:
    """It was inside already: putting it back never blocks and never drops it."""
    bus = Bus()
    subscription = bus.subscribe("x", maxsize=1)
    await fill(bus, 1)
    first = await subscription.receive()
    await bus.publish("x", {"n": 9})
    subscription.requeue(first)
    assert subscription.statistics().queued == 2
    assert [e.body["n"] for _ in range(2) if (e := subscription.receive_nowait())] == [9, 0]
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(subscription.receive())
        await until_blocked()
        subscription.requeue(first)
    assert waiting.result() is first


@in_virtual_time
async def test_the_most_urgent_comes_first_and_equals_in_order_of_arrival() -> None:
    """A priority mailbox is asked once an envelope; what was taken back is the next one again."""
    bus = Bus()
    asked: list[str] = []

    def priority(envelope: Envelope) -> float:
        asked.append(envelope.id)
        return float(envelope.body["p"])

    subscription = bus.subscribe("x", priority=priority)
    for p in (1, 5, 1, 9):
        await bus.publish("x", {"p": p})
    order = [(e.body["p"], e.id) for _ in range(4) if (e := subscription.receive_nowait())]
    assert order == [(9, "4"), (5, "2"), (1, "1"), (1, "3")]
    assert asked == ["1", "2", "3", "4"]


@in_virtual_time
async def test_what_a_priority_mailbox_takes_back_is_the_next_one_again() -> None:
    """An owner that was cancelled in the moment of the hand-over does not cost an envelope its place."""
    bus = Bus()
    subscription = bus.subscribe("x", priority=lambda envelope: float(envelope.body["n"]))
    async with asyncio.TaskGroup() as group:
        owner = group.create_task(subscription.receive())
        await until_blocked()
        await fill(bus, 3)
        owner.cancel()
    assert [e.body["n"] for _ in range(3) if (e := subscription.receive_nowait())] == [0, 2, 1]
    await fill(bus, 2)
    subscription.close()
    assert subscription.statistics().expired == 5


@in_virtual_time
async def test_drained_waits_for_what_is_queued_and_in_hand() -> None:
    """Every waiter is told once the last envelope is settled, one way or the other, or the subscription closes."""
    bus = Bus()
    subscription = bus.subscribe("x")
    await subscription.drained()
    await fill(bus, 3)
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(subscription.drained()) for _ in range(2)]
        await subscription.receive()
        subscription.done()
        subscription.reject(await subscription.receive(), "no")
        await until_blocked()
        assert not waiting[0].done()
        await subscription.receive()
        await until_blocked()
        assert not waiting[0].done()
        subscription.done()
    assert all(task.done() for task in waiting)
    await fill(bus, 1)
    async with asyncio.TaskGroup() as group:
        group.create_task(subscription.drained())
        await until_blocked()
        subscription.close()


@in_virtual_time
async def test_a_closed_subscription_says_which_one_it_was() -> None:
    """The error names the patterns."""
    subscription = Bus().subscribe("task.*", "agent.a")
    subscription.close()
    with pytest.raises(BusClosedError, match=r"task\.\*, agent\.a is closed"):
        await subscription.receive()


def test_the_latest_dead_letters_are_kept_and_all_are_counted() -> None:
    """Memory is bounded: the oldest is forgotten, the journal has it."""
    letters = DeadLetters(keep=2)
    for n in range(5):
        letters.add(DeadLetter(Envelope(str(n), "x", "", "", 0.0, {}), "no"))
    assert [letter.envelope.id for letter in letters] == ["3", "4"]
    assert (len(letters), letters.total) == (2, 5)
