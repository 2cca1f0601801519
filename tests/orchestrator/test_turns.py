import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator.clock import run_virtual
from orchestrator.outside_errors import UnrepeatableError
from orchestrator.turns import Turns


def test_the_loop_stands_still_while_the_function_computes() -> None:
    """So the order in which things happen does not depend on how fast a thread is."""
    order: list[str] = []

    async def main() -> str:
        turns = Turns()

        def function() -> str:
            order.append("function begins")
            turns.wait(lambda: asyncio.sleep(2))
            order.append(f"function goes on in {threading.current_thread().name}")
            return "done"

        async def other() -> None:
            await asyncio.sleep(1)
            order.append("other")

        async with asyncio.TaskGroup() as group:
            group.create_task(other())
            returned: str = await turns.run(function)
        return returned

    assert run_virtual(main()) == "done"
    assert order == ["function begins", "other", "function goes on in handler"]


def test_what_the_function_raises_and_what_its_wish_raises_come_out() -> None:
    """The wish's error in the thread, where it may be caught; the function's own where it was called."""

    async def fails() -> None:
        raise ValueError("no")

    async def main() -> None:
        turns = Turns()

        def function() -> None:
            with pytest.raises(ValueError, match="no"):
                turns.wait(fails)
            raise KeyError("yes")

        with pytest.raises(KeyError, match="yes"):
            await turns.run(function)

    run_virtual(main())


def test_a_function_whose_caller_is_cancelled_gets_nothing_any_more() -> None:
    """It is told so at once, whatever it wants, and has ended before its caller hears of it."""
    heard: list[str] = []

    async def main() -> None:
        turns = Turns()

        def function() -> None:
            for _ in range(2):
                try:
                    turns.wait(lambda: asyncio.sleep(10))
                except asyncio.CancelledError:
                    heard.append("cancelled")

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await turns.run(function)
        heard.append("caller")

    run_virtual(main())
    assert heard == ["cancelled", "cancelled", "caller"]


def test_a_function_of_to_thread_takes_its_turn() -> None:
    """No virtual time passes, nothing else happens meanwhile, and others go on before it is handed over."""
    order: list[str] = []

    async def other() -> None:
        order.append("other")

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(other())
            await asyncio.to_thread(order.append, "function")
            order.append("handed over")
            with ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
                name = await asyncio.get_running_loop().run_in_executor(pool, lambda: threading.current_thread().name)
            assert name.startswith("mine")
        assert asyncio.get_running_loop().time() == 0

    run_virtual(main())
    assert order == ["function", "other", "handed over"]


def test_what_it_raises_comes_out_and_a_cancelled_caller_is_not_told() -> None:
    """As with any executor."""

    def fails() -> None:
        raise KeyError("no")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(KeyError, match="no"):
            await asyncio.to_thread(fails)
        loop.run_in_executor(None, fails).cancel()
        await asyncio.sleep(1)

    run_virtual(main())


@pytest.mark.parametrize("run", [asyncio.to_thread, lambda function: Turns().run(function)])
def test_a_thread_that_waits_for_a_coroutine_is_refused(run: Callable[..., Awaitable[None]]) -> None:
    """The loop stands still for it: both would wait for ever. Whoever only tells the loop something may."""
    told: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def waits() -> None:
            loop.call_soon_threadsafe(told.append, 1)
            nap = asyncio.sleep(1)
            try:
                asyncio.run_coroutine_threadsafe(nap, loop).result()
            finally:
                nap.close()

        with pytest.raises(UnrepeatableError, match=r"^test_turns\.py:\d+: it waits in a thread for a coroutine"):
            await run(waits)
        await asyncio.sleep(0)

    run_virtual(main())
    assert told == [1]
