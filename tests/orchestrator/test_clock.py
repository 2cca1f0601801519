import asyncio
import re
import threading

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.clock import (
    VIRTUAL_EPOCH,
    Ids,
    SystemClock,
    VirtualClock,
    new_run_id,
    run_virtual,
    seeded_random,
    stopwatch,
)


def test_an_hour_of_sleep_takes_no_time_and_moves_the_clock_by_an_hour() -> None:
    """Virtual time moves exactly as far as the timers say."""

    async def main() -> tuple[float, float]:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time(), VirtualClock().now()

    assert run_virtual(main()) == (3600.0, VIRTUAL_EPOCH + 3600)


@given(st.lists(st.floats(0, 100), max_size=20))
def test_timers_fire_in_the_order_of_their_times(delays: list[float]) -> None:
    """Sleepers wake in the order of their delays, equal ones in the order of starting."""
    woken: list[tuple[float, int]] = []

    async def sleeper(delay: float, number: int) -> None:
        await asyncio.sleep(delay)
        woken.append((delay, number))

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for number, delay in enumerate(delays):
                group.create_task(sleeper(round(delay, 3), number))

    run_virtual(main())
    assert [delay for delay, _ in woken] == sorted(round(delay, 3) for delay in delays)


def test_ten_tenths_are_one_second() -> None:
    """Sums of sleeps stay on a grid of 1 ns, so that time stamps of two runs are equal and readable."""

    async def main() -> float:
        for _ in range(10):
            await asyncio.sleep(0.1)
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 1.0


def test_a_thread_can_wake_a_loop_that_has_nothing_else_to_do() -> None:
    """Without timers the loop waits for real: a writer thread's answer arrives."""

    async def main() -> str:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()
        threading.Timer(0.01, lambda: loop.call_soon_threadsafe(answer.set_result, "written")).start()
        return await answer

    assert run_virtual(main()) == "written"


def test_blocking_functions_run_on_the_loop_in_virtual_time_and_in_a_thread_otherwise() -> None:
    """Threads would finish in an order that no seed decides, so virtual time has none."""

    async def main(clock: VirtualClock | SystemClock) -> bool:
        return await clock.run_blocking(threading.get_ident) == threading.get_ident()

    assert run_virtual(main(VirtualClock()))
    assert not asyncio.run(main(SystemClock()))


def test_ids_count_up_within_their_run() -> None:
    """Two runs number on their own: nothing is shared in the process."""
    ours, theirs = Ids("a"), Ids("b")
    assert [ours.next(), ours.next(), theirs.next()] == ["1", "2", "1"]


def test_randomness_depends_on_seed_and_names_alone() -> None:
    """A draw is the same whatever else was drawn before, and differs by seed and by name."""
    first = seeded_random(7, "a", "1").random()
    seeded_random(7, "b").random()
    assert seeded_random(7, "a", "1").random() == first
    assert len({seeded_random(s, n).random() for s in (1, 2) for n in ("a", "b")}) == 4


def test_a_run_id_sorts_by_time() -> None:
    """A run id begins with the clock's date and time."""
    assert re.fullmatch(r"\d{8}T\d{6}-[0-9a-f]{4}", new_run_id(SystemClock()))


def test_the_stopwatch_never_goes_back() -> None:
    """Measured durations are never negative."""
    assert stopwatch() <= stopwatch()
