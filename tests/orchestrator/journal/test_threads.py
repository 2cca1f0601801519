import asyncio
import threading

import pytest

from orchestrator.journal.threads import heard, to_its_end
from orchestrator.testing import until_blocked


async def test_what_a_function_returns_or_raises_comes_back() -> None:
    """As if it were called."""
    assert await to_its_end(lambda: 7, name="x") == 7
    with pytest.raises(ZeroDivisionError):
        await to_its_end(lambda: 1 // 0, name="x")


async def test_a_cancelled_caller_hears_of_it_when_the_function_is_over() -> None:
    """Then the cancellation goes before whatever the function did; nothing is left to be retrieved."""
    go = threading.Event()

    def fail() -> None:
        go.wait()
        raise ValueError("unheard")

    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(to_its_end(fail, name="x"))
        for _ in range(3):
            await until_blocked()
            waiting.cancel()
        await until_blocked()
        assert not waiting.done()
        go.set()
    assert waiting.cancelled()


async def test_handlers_that_hang_in_the_pool_do_not_hold_it_up() -> None:
    """Its thread is its own, and gone when it is over."""
    go = threading.Event()
    loop = asyncio.get_running_loop()
    hung = [loop.run_in_executor(None, go.wait) for _ in range(40)]
    thread = await to_its_end(threading.current_thread, name="x")
    thread.join()
    assert thread.name.startswith("x")
    go.set()
    await asyncio.wait(hung)


def test_what_a_callback_raises_is_reported() -> None:
    """The loop would log it, and nobody would hear."""
    told: list[Exception] = []
    heard(lambda number: told.append(ValueError(number)), told.append)(1)
    assert str(told[0]) == "1"
    heard(lambda: told.append(ValueError(1 // 0)), told.append)()
    assert isinstance(told[1], ZeroDivisionError)
