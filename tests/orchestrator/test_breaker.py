import asyncio

from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.breaker import CircuitBreaker
from orchestrator.clock import run_virtual
from orchestrator.policy import Breaker
from orchestrator.testing import in_virtual_time, until_blocked


def now() -> float:
    return asyncio.get_running_loop().time()


async def opened(failures: int = 2, cooldown_s: float = 10.0) -> CircuitBreaker:
    breaker = CircuitBreaker(Breaker(failures=failures, cooldown_s=cooldown_s))
    for _ in range(failures):
        await breaker.admit()
        breaker.fail()
    return breaker


@in_virtual_time
async def test_it_opens_after_so_many_failures_in_a_row() -> None:
    """A success in between starts the count anew."""
    breaker = CircuitBreaker(Breaker(failures=2))
    for note in (breaker.fail, breaker.succeed, breaker.fail):
        note()
    assert (breaker.state, breaker.why_not()) == ("closed", "")
    breaker.fail()
    assert breaker.state == "open"
    assert breaker.why_not() == "breaker open after 2 failures in a row"


@in_virtual_time
async def test_after_the_cooldown_one_attempt_probes_and_the_others_wait() -> None:
    """Half-open lets exactly one through; its success lets all others through."""
    breaker = await opened(cooldown_s=10)
    admitted: list[tuple[str, float]] = []

    async def attempt(name: str) -> None:
        await breaker.admit()
        admitted.append((name, now()))

    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(attempt(name))
        await asyncio.sleep(15)
        assert admitted == [("a", 10.0)]
        assert (breaker.state, breaker.why_not()) == ("half-open", "")
        breaker.succeed()
    assert admitted == [("a", 10.0), ("b", 15.0), ("c", 15.0)]
    assert breaker.state == "closed"


@in_virtual_time
async def test_a_failed_probe_opens_it_for_another_cooldown() -> None:
    """One failed probe is enough, however many failures opened it first."""
    breaker = await opened(failures=3, cooldown_s=10)
    await breaker.admit()
    breaker.fail()
    assert breaker.state == "open"
    await breaker.admit()
    assert now() == 20.0


@in_virtual_time
async def test_a_cancelled_probe_says_nothing_and_lets_the_next_one_probe() -> None:
    """Cancellation is not an attempt: whoever waits next probes at once."""
    breaker = await opened(cooldown_s=10)
    await breaker.admit()
    async with asyncio.TaskGroup() as group:
        second = group.create_task(breaker.admit())
        await until_blocked()
        assert not second.done()
        breaker.withdraw()
    assert breaker.state == "half-open"


@in_virtual_time
async def test_withdrawing_from_a_closed_breaker_changes_nothing() -> None:
    """An ordinary attempt that is cancelled is not a probe."""
    breaker = CircuitBreaker(Breaker())
    await breaker.admit()
    breaker.withdraw()
    assert breaker.state == "closed"


@given(st.floats(0, 1000), st.floats(0.001, 1000))
@example(0.1, 0.2)
def test_the_cooldown_ends_whatever_the_floats(begin: float, cooldown_s: float) -> None:
    """A rest of 1e-17 s never passes on a virtual clock; waiting for it would spin for ever."""

    async def main() -> None:
        await asyncio.sleep(begin)
        breaker = await opened(failures=1, cooldown_s=cooldown_s)
        await breaker.admit()
        assert breaker.state == "half-open"

    run_virtual(main())
