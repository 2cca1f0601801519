import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestrator.bus import Bus, Subscription
from orchestrator.clock import VIRTUAL_EPOCH, Ids, VirtualClock, run_virtual
from orchestrator.errors import BusClosedError, BusError, RequestTimeoutError, TopicError
from orchestrator.messages import Envelope
from orchestrator.testing import in_virtual_time, until_blocked


def now() -> float:
    return asyncio.get_running_loop().time()


def conserves(bus: Bus) -> bool:
    s = bus.statistics()
    return s.accepted == s.handled + s.dead_lettered + s.expired + s.queued + s.in_hand


class SlowTap:
    """A journal that asks everybody to wait until it is told to go on."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.go_on = asyncio.Event()

    def append(self, envelope: Envelope) -> bool:
        self.heard.append(envelope.topic)
        return False

    async def sync(self) -> None:
        await self.go_on.wait()


# --- publishing -------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_an_envelope_is_numbered_stamped_and_delivered_to_everyone_who_matches() -> None:
    """Each matching subscription gets the same envelope once; ids count up in the order of publishing."""
    bus = Bus(clock=VirtualClock(), ids=Ids("r"))
    exact, star, rest, both = (
        bus.subscribe("task.done"),
        bus.subscribe("task.*"),
        bus.subscribe(">"),
        bus.subscribe("task.done", "task.*"),
    )
    other = bus.subscribe("agent.>")
    sent = await bus.publish("task.done", {"n": 1}, "t", "0", {"x_s": 0.5})
    assert sent == Envelope("1", "task.done", "t", "0", VIRTUAL_EPOCH, {"n": 1}, {"x_s": 0.5})
    for subscription in (exact, star, rest, both):
        assert subscription.receive_nowait() is sent
        assert subscription.receive_nowait() is None
    assert other.receive_nowait() is None
    assert (await bus.publish("agent.a.b", {})).id == "2"
    assert other.receive_nowait() is not None


@in_virtual_time
async def test_a_full_subscription_makes_publishers_wait_in_the_order_in_which_they_came() -> None:
    """Back-pressure instead of refusal; room goes to whoever waits longest."""
    bus = Bus()
    subscription = bus.subscribe("x", maxsize=1)
    async with asyncio.TaskGroup() as group:
        publishers = [group.create_task(bus.publish("x", {"n": n})) for n in range(4)]
        await until_blocked()
        assert [publisher.done() for publisher in publishers] == [True, False, False, False]
        for n in range(4):
            envelope = await subscription.receive()
            subscription.done()
            assert envelope.body["n"] == n
            await until_blocked()
            assert sum(publisher.done() for publisher in publishers) == min(n + 2, 4)
    assert conserves(bus)


@in_virtual_time
async def test_a_slow_subscriber_delays_its_publisher_but_no_other_subscriber() -> None:
    """The envelope reaches everyone with room at once, before the publisher begins to wait."""
    bus = Bus()
    slow, quick = bus.subscribe(">", maxsize=1), bus.subscribe("x")
    await bus.publish("x", {"n": 1})
    async with asyncio.TaskGroup() as group:
        publisher = group.create_task(bus.publish("x", {"n": 2}))
        await until_blocked()
        assert not publisher.done()
        assert [e.body["n"] for e in (quick.receive_nowait(), quick.receive_nowait()) if e] == [1, 2]
        await slow.receive()
    assert publisher.done()


@in_virtual_time
async def test_a_publisher_cancelled_while_it_waits_withdraws_and_loses_nobody_elses_turn() -> None:
    """Where there was room it has delivered; from the full queue its envelope is gone."""
    bus = Bus()
    full, roomy = bus.subscribe("x", maxsize=1), bus.subscribe("x")
    await bus.publish("x", {"n": 1})
    async with asyncio.TaskGroup() as group:
        second, third = (group.create_task(bus.publish("x", {"n": n})) for n in (2, 3))
        await until_blocked()
        second.cancel()
        await until_blocked()
        assert [(await full.receive()).body["n"], (await full.receive()).body["n"]] == [1, 3]
    assert [e.body["n"] for _ in range(3) if (e := roomy.receive_nowait())] == [1, 2, 3]
    assert third.done()
    assert conserves(bus)


@in_virtual_time
async def test_a_publisher_that_waited_for_two_withdraws_from_both() -> None:
    """Cancelled while it waits for the first, it leaves nothing at the second."""
    bus = Bus()
    both = [bus.subscribe("x", maxsize=1), bus.subscribe("x", maxsize=1)]
    await bus.publish("x", {"n": 1})
    async with asyncio.TaskGroup() as group:
        second = group.create_task(bus.publish("x", {"n": 2}))
        await until_blocked()
        second.cancel()
    for subscription in both:
        assert (await subscription.receive()).body["n"] == 1
        assert subscription.receive_nowait() is None
    assert conserves(bus)


@in_virtual_time
async def test_all_of_a_batch_is_published_before_its_publisher_waits() -> None:
    """So a submitter that is cancelled has submitted everything, never half of a plan."""
    bus = Bus()
    roomy, full = bus.subscribe("x"), bus.subscribe("x", maxsize=1)
    async with asyncio.TaskGroup() as group:
        publisher = group.create_task(bus.publish_all("x", [("a", {}), ("b", {}), ("c", {})], "cause"))
        await until_blocked()
        assert not publisher.done()
        publisher.cancel()
    assert [e.correlation_id for _ in range(3) if (e := roomy.receive_nowait())] == ["a", "b", "c"]
    assert full.statistics().queued == 1
    assert conserves(bus)


@in_virtual_time
async def test_nobody_subscribed_makes_a_dead_letter() -> None:
    """An envelope that nobody hears is kept with its cause instead of vanishing."""
    bus = Bus()
    sent = await bus.publish("nobody.home", {})
    letter = next(iter(bus.dead_letters))
    assert (letter.envelope, letter.cause) == (sent, "nobody subscribes to 'nobody.home'")
    assert (bus.statistics().dead_lettered, bus.statistics().accepted) == (1, 1)


@in_virtual_time
async def test_an_envelope_that_only_the_tap_heard_is_handled() -> None:
    """Facts are for the journal: that nobody else listens is no fault."""
    tap = SlowTap()
    tap.go_on.set()
    bus = Bus(tap=tap)
    await bus.publish("task.noted", {})
    assert tap.heard == ["task.noted"]
    assert bus.statistics().handled == 1
    assert len(bus.dead_letters) == 0


@in_virtual_time
async def test_a_tap_that_does_not_keep_up_holds_back_the_publisher_and_nobody_else() -> None:
    """Subscribers have the envelope; the publisher, also of a reply, waits for the tap."""
    tap = SlowTap()
    bus = Bus(tap=tap)
    subscription = bus.subscribe("x")
    async with asyncio.TaskGroup() as group:
        publisher = group.create_task(bus.publish("x", {}))
        request = await subscription.receive()
        replier = group.create_task(bus.reply(request, {}))
        await until_blocked()
        assert not publisher.done()
        assert not replier.done()
        assert conserves(bus)
        tap.go_on.set()
    assert tap.heard == ["x", "reply"]


@in_virtual_time
async def test_what_the_tap_refuses_is_delivered_to_nobody() -> None:
    """The journal hears everything first: what it refuses has not happened."""

    class Refusing(SlowTap):
        def append(self, envelope: Envelope) -> bool:
            raise ValueError("no")

    bus = Bus(tap=Refusing())
    subscription = bus.subscribe("x")
    with pytest.raises(ValueError, match="no"):
        await bus.publish("x", {})
    assert subscription.receive_nowait() is None
    assert bus.statistics().published == bus.statistics().accepted == 0


@in_virtual_time
async def test_malformed_topics_and_patterns_are_refused() -> None:
    """Both at the door, by name."""
    bus = Bus()
    with pytest.raises(TopicError):
        await bus.publish("a..b", {})
    with pytest.raises(TopicError):
        bus.subscribe("a.>.b")
    with pytest.raises(ValueError, match="maxsize"):
        bus.subscribe("a", maxsize=0)
    assert bus.statistics().subscriptions == 0


@in_virtual_time
async def test_many_different_topics_do_not_grow_the_memory_of_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which subscriptions a topic has is remembered, within a bound."""
    monkeypatch.setattr("orchestrator.bus.memory._CACHED_TOPICS", 10)
    bus = Bus()
    subscription = bus.subscribe(">")
    for n in range(35):
        await bus.publish(f"x.{n}", {})
    assert len(bus._by_topic) <= 10
    assert subscription.statistics().queued == 35


# --- request and reply ------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_a_request_gets_its_reply() -> None:
    """The reply names the request as its cause."""
    bus = Bus()
    served = bus.subscribe("serve")

    async def serve() -> None:
        async for request in served:
            await bus.reply(request, {"twice": 2 * request.body["n"]})

    async with asyncio.TaskGroup() as group:
        group.create_task(serve())
        replies = [await bus.request("serve", {"n": n}, timeout_s=1) for n in (1, 2)]
        bus.close()
    assert [reply.body["twice"] for reply in replies] == [2, 4]
    assert replies[0].causation_id == "1"
    assert conserves(bus)


@in_virtual_time
async def test_a_request_without_an_answer_ends_at_its_deadline() -> None:
    """No wait is without a deadline: the error says topic and seconds, and a late reply expires."""
    bus = Bus()
    served = bus.subscribe("serve")
    with pytest.raises(RequestTimeoutError, match=r"no reply on 'serve' within 2\.5 s"):
        await bus.request("serve", {}, timeout_s=2.5)
    assert now() == 2.5
    await bus.reply(await served.receive(), {})
    assert bus.statistics().expired == 1
    assert bus._replies == {}
    assert conserves(bus)


@in_virtual_time
async def test_the_deadline_also_covers_the_wait_for_room() -> None:
    """A full queue in front of the server counts towards the deadline."""
    bus = Bus()
    served = bus.subscribe("serve", maxsize=1)
    await bus.publish("serve", {})
    with pytest.raises(RequestTimeoutError):
        await bus.request("serve", {}, timeout_s=1)
    assert served.statistics().queued == 1
    assert conserves(bus)


@in_virtual_time
async def test_a_second_reply_expires() -> None:
    """The first answer counts."""
    bus = Bus()
    served = bus.subscribe("serve")
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(bus.request("serve", {}, timeout_s=1))
        request = await served.receive()
        await bus.reply(request, {"n": 1})
        await bus.reply(request, {"n": 2})
    assert asking.result().body["n"] == 1
    assert bus.statistics().expired == 1


@in_virtual_time
async def test_a_cancelled_request_is_forgotten() -> None:
    """Cancellation leaves no waiter behind."""
    bus = Bus()
    served = bus.subscribe("serve")
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(bus.request("serve", {}, timeout_s=1))
        request = await served.receive()
        asking.cancel()
    assert bus._replies == {}
    await bus.reply(request, {})
    assert bus.statistics().expired == 1


@in_virtual_time
async def test_a_request_that_nobody_serves_fails_at_once() -> None:
    """Waiting for a deadline would help nobody."""
    bus = Bus()
    with pytest.raises(BusError, match="nobody subscribes to 'serve'"):
        await bus.request("serve", {}, timeout_s=10)
    assert now() == 0


# --- closing ----------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_closing_tells_everyone_who_waits() -> None:
    """Publishers, owners and askers get BusClosedError; what was queued or in hand expires."""
    bus = Bus()
    _full, empty = bus.subscribe("x", maxsize=1), bus.subscribe("y")
    served = bus.subscribe("serve")
    await bus.publish("x", {})

    async def told(waiting: Any) -> bool:
        try:
            await waiting
        except BusClosedError:
            return True
        return False

    async with asyncio.TaskGroup() as group:
        waits: list[Any] = [bus.publish("x", {}), empty.receive(), bus.request("serve", {}, timeout_s=9)]
        all_told = [group.create_task(told(wait)) for wait in waits]
        request = await served.receive()
        await until_blocked()
        bus.close()
        bus.close()
    assert [task.result() for task in all_told] == [True, True, True]
    served.done()  # too late, and harmless
    served.reject(request, "too late")
    served.requeue(request)
    s = bus.statistics()
    assert (s.queued, s.in_hand, s.subscriptions, s.expired) == (0, 0, 0, 3)
    assert conserves(bus)


@in_virtual_time
async def test_a_request_that_still_waits_for_room_is_told_once() -> None:
    """A closed bus leaves no exception behind that nobody retrieves."""
    problems: list[Mapping[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    bus = Bus()
    bus.subscribe("serve", maxsize=1)
    await bus.publish("serve", {})
    async with asyncio.TaskGroup() as group:

        async def ask() -> None:
            with pytest.raises(BusClosedError):
                await bus.request("serve", {}, timeout_s=9)

        group.create_task(ask())
        await until_blocked()
        bus.close()
    gc.collect()
    assert problems == []


@in_virtual_time
async def test_a_closed_bus_takes_nothing_more() -> None:
    """Publishing, asking, answering and subscribing say that it is closed."""
    bus = Bus()
    served = bus.subscribe("serve")
    await bus.publish("serve", {})
    request = await served.receive()
    bus.close()
    with pytest.raises(BusClosedError):
        await bus.publish("x", {})
    with pytest.raises(BusClosedError):
        await bus.reply(request, {})
    with pytest.raises(BusClosedError):
        bus.subscribe("x")
    with pytest.raises(BusClosedError):
        await served.receive()


@in_virtual_time
async def test_one_subscription_that_closes_does_not_stop_its_publishers_or_rob_the_others() -> None:
    """A bystander that leaves lets its envelope expire; the publisher goes on, everyone else gets theirs."""
    bus = Bus()
    leaving, staying = bus.subscribe("x", maxsize=1), bus.subscribe("x", maxsize=1)
    await bus.publish("x", {"n": 1})
    async with asyncio.TaskGroup() as group:
        publisher = group.create_task(bus.publish("x", {"n": 2}))
        await until_blocked()
        leaving.close()
        leaving.close()
        await until_blocked()
        assert [(await staying.receive()).body["n"] for _ in range(2)] == [1, 2]
    assert publisher.result().body["n"] == 2
    assert bus.statistics().subscriptions == 1
    assert conserves(bus)


# --- conservation -----------------------------------------------------------------------------------------------------

STEPS = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from(["a", "b", "a.b", "c"])),
    st.tuples(st.just("request"), st.sampled_from(["a", "b"])),
    st.tuples(st.just("receive"), st.integers(0, 3)),
    st.tuples(st.just("nowait"), st.integers(0, 3)),
    st.tuples(st.just("settle"), st.sampled_from(["done", "reject", "requeue", "reply"])),
    st.tuples(st.just("cancel"), st.integers(0, 50)),
    st.tuples(st.just("sleep"), st.sampled_from([0.0, 0.5, 2.0])),
    st.tuples(st.just("close"), st.integers(0, 3)),
)


@hypothesis_settings(max_examples=150)
@given(st.lists(STEPS, max_size=60), st.lists(st.booleans(), max_size=60))
def test_no_envelope_is_lost_or_duplicated_whatever_happens(steps: list[tuple[str, Any]], pauses: list[bool]) -> None:
    """Accepted = handled + dead-lettered + expired + queued + in hand, after every step; nothing is left at the end."""
    run_virtual(play(steps, pauses))


async def play(steps: list[tuple[str, Any]], pauses: list[bool]) -> None:  # noqa: C901 - one branch a kind of step
    bus = Bus()
    subscriptions = [
        bus.subscribe("a", maxsize=1),
        bus.subscribe("b", "a.*", maxsize=2),
        bus.subscribe(">", maxsize=3),
        bus.subscribe("a", maxsize=2, priority=lambda envelope: float(envelope.id) % 3),
    ]
    in_hand: list[tuple[Subscription, Envelope]] = []
    seen: list[tuple[int, str]] = []
    requeued: set[tuple[int, str]] = set()
    tasks: list[asyncio.Task[None]] = []

    def took(subscription: Subscription, envelope: Envelope) -> None:
        in_hand.append((subscription, envelope))
        key = (id(subscription), envelope.id)
        assert key not in seen or key in requeued
        seen.append(key)

    async def receive(subscription: Subscription) -> None:
        took(subscription, await subscription.receive())

    async def quietly(work: Callable[..., Awaitable[object]], *arguments: Any, **options: Any) -> None:
        with contextlib.suppress(BusError):
            await work(*arguments, **options)

    async def settle(how: str) -> None:
        subscription, envelope = in_hand.pop(0)
        if how == "done":
            subscription.done()
        elif how == "reject":
            subscription.reject(envelope, "no")
        elif how == "requeue":
            requeued.add((id(subscription), envelope.id))
            subscription.requeue(envelope)
        else:
            await bus.reply(envelope, {})
            subscription.done()

    async with asyncio.TaskGroup() as group:
        for number, (kind, argument) in enumerate(steps):
            if kind == "publish":
                tasks.append(group.create_task(quietly(bus.publish, argument, {})))
            elif kind == "request":
                tasks.append(group.create_task(quietly(bus.request, argument, {}, timeout_s=1)))
            elif kind == "receive":
                tasks.append(group.create_task(quietly(receive, subscriptions[argument])))
            elif kind == "nowait":
                envelope = subscriptions[argument].receive_nowait()
                if envelope is not None:
                    took(subscriptions[argument], envelope)
            elif kind == "settle" and in_hand:
                await settle(argument)
            elif kind == "cancel" and tasks:
                tasks[argument % len(tasks)].cancel()
            elif kind == "sleep":
                await asyncio.sleep(argument)
            elif kind == "close":
                subscriptions[argument].close()
            if pauses[number : number + 1] == [True]:
                await until_blocked()
            assert conserves(bus)
        bus.close()
    end = bus.statistics()
    assert (end.queued, end.in_hand) == (0, 0)
    assert conserves(bus)
