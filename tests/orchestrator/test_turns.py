import asyncio
import threading

import pytest

from orchestrator.clock import run_virtual
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
