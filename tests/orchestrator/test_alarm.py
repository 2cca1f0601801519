import asyncio
import threading

import pytest

from orchestrator.alarm import Alarm


def _fail() -> None:
    raise OSError("broken")


async def test_what_fails_in_a_callback_or_a_thread_ends_whoever_watches() -> None:
    """Neither has a caller: the first is raised, later ones are notes of it."""
    alarm = Alarm()
    asyncio.get_running_loop().call_soon(alarm.guard(_fail))
    thread = threading.Thread(target=alarm.guard_thread(_fail))
    await asyncio.sleep(0)
    thread.start()
    await asyncio.to_thread(thread.join)
    with pytest.raises(OSError, match="broken") as caught:
        await alarm.watch()
    assert caught.value.__notes__ == ["and after it OSError('broken')"]


async def test_a_thread_whose_loop_is_gone_ends_quietly() -> None:
    """The run is over: there is nobody left to tell."""

    async def guard() -> threading.Thread:
        return threading.Thread(target=Alarm().guard_thread(_fail))

    def run() -> list[str]:
        thread, unheard = asyncio.run(guard()), list[str]()
        real, threading.excepthook = threading.excepthook, lambda args: unheard.append(str(args))
        try:
            thread.start()
            thread.join()
        finally:
            threading.excepthook = real
        return unheard

    assert not await asyncio.to_thread(run)


async def test_closing_lets_the_watcher_return() -> None:
    """With nothing to report."""
    alarm = Alarm()
    alarm.close()
    await alarm.watch()
