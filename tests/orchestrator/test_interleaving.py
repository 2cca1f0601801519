import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.clock import run_virtual
from orchestrator.interleaving import Interleaving, parse_interleaving, run_interleaved, shrink


class Account:
    """Loses an update where two read it before either has written."""

    def __init__(self) -> None:
        self.balance = 0

    async def deposit(self, pauses: int) -> None:
        for _ in range(pauses):
            await asyncio.sleep(0)
        read = self.balance
        await asyncio.sleep(0)
        self.balance = read + 1


async def two_deposits() -> int:
    """Return what is there after two deposits, of which the usual order lets one end before the other reads."""
    account = Account()
    async with asyncio.TaskGroup() as group:
        group.create_task(account.deposit(0))
        group.create_task(account.deposit(3))
        for _ in range(4):  # others, so that there is something to choose from
            group.create_task(asyncio.sleep(0))
    return account.balance


def loses(interleaving: Interleaving) -> bool:
    """Return whether an update is lost."""
    return run_interleaved(two_deposits(), interleaving)[0] != 2


def test_a_race_is_found_reproduced_and_shrunk() -> None:
    """In the usual order it does not show; a seed that shows it does so each time, and few deviations are enough."""
    assert run_virtual(two_deposits()) == 2
    seed = next(seed for seed in range(200) if loses(Interleaving(seed)))
    assert all(loses(Interleaving(seed)) for _ in range(20))
    _, held = run_interleaved(two_deposits(), Interleaving(seed))
    assert loses(Interleaving(None, held)), "what was drawn from the seed, stated"
    least = shrink(held, loses)
    assert loses(Interleaving(None, least))
    assert len(least) == 1, "one of the two has to be late between its reading and its writing"


def test_the_usual_order_is_that_of_the_loop() -> None:
    """Without deviations nothing changes."""

    async def main() -> list[int]:
        order: list[int] = []

        async def step(number: int) -> None:
            await asyncio.sleep(0)
            order.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(10):
                group.create_task(step(number))
        return order

    assert run_interleaved(main(), Interleaving()) == (list(range(10)), frozenset())
    assert run_interleaved(main(), Interleaving(3))[0] != list(range(10))


def test_callbacks_keep_their_places() -> None:
    """What the loop promises of `call_soon` holds in every interleaving."""

    async def main() -> list[int]:
        order: list[int] = []
        for number in range(20):
            asyncio.get_running_loop().call_soon(order.append, number)
        await asyncio.sleep(0.1)
        return order

    assert all(run_interleaved(main(), Interleaving(seed))[0] == list(range(20)) for seed in range(20))


def test_whoever_is_held_back_goes_on_when_nothing_else_can_happen() -> None:
    """Before time moves: being late is no waiting for a timer, and nobody is held back for ever."""

    async def main() -> list[str]:
        order: list[str] = []

        async def step(name: str, count: int) -> None:
            for _ in range(count):
                await asyncio.sleep(0)
            order.append(name)

        async with asyncio.TaskGroup() as group:
            group.create_task(step("held", 0))
            group.create_task(step("long", 20))
            group.create_task(asyncio.sleep(1)).add_done_callback(lambda _: order.append("a second later"))
        return order

    assert run_interleaved(main(), Interleaving())[0] == ["held", "long", "a second later"]
    assert run_interleaved(main(), Interleaving(None, frozenset({0})))[0] == ["long", "held", "a second later"]


@given(st.sets(st.integers(0, 500), min_size=1, max_size=30), st.data())
def test_shrinking_keeps_just_what_is_needed(holds: set[int], data: st.DataObject) -> None:
    """Whatever part of them makes the run fail."""
    needed = data.draw(st.sets(st.sampled_from(sorted(holds)), max_size=3))
    assert shrink(holds, lambda interleaving: needed <= interleaving.holds, most=2000) == needed


@pytest.mark.parametrize(
    ("text", "interleaving"),
    [
        ("17", Interleaving(17)),
        ("hold:12,40", Interleaving(None, frozenset({12, 40}))),
        ("hold:", Interleaving()),
    ],
)
def test_an_interleaving_is_read_as_it_is_printed(text: str, interleaving: Interleaving) -> None:
    """So that what a report prints can be given back."""
    assert parse_interleaving(text) == interleaving
    assert str(interleaving) == text


@pytest.mark.parametrize("text", ["", "x", "1:", "hold:x", "hold:-1", "hold"])
def test_what_is_none_is_refused(text: str) -> None:
    """By a ValueError, which whoever asked for it turns into an error of its own."""
    with pytest.raises(ValueError, match=r"."):
        parse_interleaving(text)
