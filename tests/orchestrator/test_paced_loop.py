import asyncio
import random
import threading
from functools import partial

import pytest

from orchestrator.clock import run_virtual
from orchestrator.paced_loop import PacedLoop, run_paced


async def outside(loop: PacedLoop, real_s: float) -> float:
    """Be outside for some real seconds; return the moment of release."""
    released: asyncio.Future[None] = loop.create_future()
    loop.leave()
    loop.run_in_executor(None, partial(_sleep, real_s)).add_done_callback(
        lambda _: loop.come_back(lambda: released.set_result(None))
    )
    await released
    return loop.time()


def _sleep(seconds: float) -> None:
    import time

    time.sleep(seconds)


def paced() -> PacedLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PacedLoop)
    return loop


def test_each_call_that_comes_back_has_a_moment_of_its_own() -> None:
    """So that a replay which releases the same at the same moments has no choice between two."""

    async def main() -> list[float]:
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(outside(paced(), 0.0)) for _ in range(20)]
        return [call.result() for call in calls]

    moments = run_paced(main())
    assert len(set(moments)) == 20
    assert all(moment == round(moment, 6) for moment in moments)


def test_time_stands_still_while_anything_can_happen() -> None:
    """What a handler computes takes no time, however long it is."""

    async def main() -> tuple[float, float]:
        before = paced().time()
        for _ in range(100):
            await asyncio.sleep(0)
        _sleep(0.01)
        return before, paced().time()

    before, after = run_paced(main())
    assert before == after


def test_a_timer_that_is_due_goes_before_a_call_that_comes_back_later() -> None:
    """In the order of their moments; in a replay both are timers."""

    async def main() -> list[str]:
        order: list[str] = []

        async def sleeper() -> None:
            await asyncio.sleep(0.005)
            order.append(f"timer {paced().time():g}")

        async def caller() -> None:
            assert await outside(paced(), 0.02) > 0.005
            order.append("call")

        async with asyncio.TaskGroup() as group:
            group.create_task(caller())
            group.create_task(sleeper())
        return order

    assert run_paced(main()) == ["timer 0.005", "call"]


def test_with_jumps_timers_pass_at_once_while_nobody_is_outside() -> None:
    """A day between two questions to a person takes no time; a call takes the time that it takes."""

    async def main() -> float:
        await asyncio.sleep(86_400)
        released = await outside(paced(), 0.01)
        await asyncio.sleep(86_400)
        return released

    assert 86_400.0 < run_paced(main(), jumps=True) < 86_500


def test_a_call_that_nobody_waits_for_any_more_holds_nothing_up() -> None:
    """It is counted back without a release."""

    async def main() -> float:
        paced().leave()
        paced().call_later(0.001, paced().come_back, None)
        await asyncio.sleep(0.002)
        return paced().time()

    assert run_paced(main()) == 0.002


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happened_happens_again_when_the_releases_do(seed: int) -> None:
    """A program of timers and calls, run paced, leaves the same trace as one in virtual time with its releases."""
    trace: list[tuple[str, float]] = []
    releases: dict[tuple[int, int], float] = {}

    async def worker(number: int, draw: random.Random, *, live: bool) -> None:
        loop = asyncio.get_running_loop()
        for step in range(4):
            if draw.random() < 0.5:
                await asyncio.sleep(round(draw.random() * 0.004, 4))
            elif live:
                releases[number, step] = await outside(paced(), draw.random() * 0.004)
            else:
                draw.random()
                waiting: asyncio.Future[None] = loop.create_future()
                loop.call_at(releases[number, step], waiting.set_result, None)
                await waiting
            trace.append((f"{number}/{step}", loop.time()))

    async def main(*, live: bool) -> list[tuple[str, float]]:
        trace.clear()
        async with asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(worker(number, random.Random(f"{seed}/{number}"), live=live))
        return list(trace)

    assert run_paced(main(live=True)) == run_virtual(main(live=False))


def test_a_loop_that_ends_waits_for_its_threads_whatever_its_clock_says() -> None:
    """Later Pythons give threads some minutes, and minutes pass at once here."""
    released = threading.Event()

    async def main() -> tuple[bool, float]:
        waiting = asyncio.get_running_loop().run_in_executor(None, released.wait, 60)
        paced().call_later(10, released.set)
        await paced().shutdown_default_executor(1)
        return await waiting, paced().time()

    assert run_paced(main(), jumps=True) == (True, 10)
