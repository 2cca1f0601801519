import asyncio
import threading
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator import letterbox
from orchestrator.letterbox import Letterbox


class RefusedError(Exception):
    """The refusal of these tests."""


def _ignore(_answer: Future[Any]) -> None:
    """Take it, and never answer."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let threads look for the loop all the time."""
    monkeypatch.setattr(letterbox, "_LOOKS_EVERY_S", 0.001)


async def _posted(box: Letterbox, take: Any) -> Any:
    """Post from a thread; return what comes, or the error."""

    def post() -> Any:
        try:
            return box.post(take, RefusedError())
        except Exception as error:  # noqa: BLE001 - it is what the tests are about
            return error

    return await asyncio.to_thread(post)


@pytest.mark.usefixtures("impatient")
async def test_what_takes_long_is_waited_for() -> None:
    """As long as there is a loop: a slow disk does not look like a run that has stopped."""
    box, loop = Letterbox(), asyncio.get_running_loop()
    looked, enough, taken = list[int](), asyncio.Event(), list[Future[str]]()

    def is_closed() -> bool:
        looked.append(1)
        if len(looked) == 5:
            loop.call_soon_threadsafe(enough.set)
        return False

    box._loop = SimpleNamespace(call_soon_threadsafe=loop.call_soon_threadsafe, is_closed=is_closed)  # type: ignore[assignment]  # a loop that counts
    async with asyncio.TaskGroup() as group:
        posted = group.create_task(_posted(box, taken.append))
        await enough.wait()
        taken[0].set_result("at last")
    assert posted.result() == "at last"


@pytest.mark.usefixtures("impatient")
async def test_a_loop_that_is_gone_is_not_waited_for() -> None:
    """It may end without closing the letterbox, between the posting and the taking."""
    box = Letterbox()
    box._loop = SimpleNamespace(call_soon_threadsafe=lambda *_: None, is_closed=lambda: True)  # type: ignore[assignment]  # a loop that ends
    assert isinstance(await _posted(box, _ignore), RefusedError)


def test_a_loop_that_was_gone_before_refuses_at_once() -> None:
    """Nothing is left waiting."""

    async def make() -> Letterbox:
        return Letterbox()

    box = asyncio.run(make())
    with pytest.raises(RefusedError):
        box.post(_ignore, RefusedError())
    assert not box._waiting


async def test_whoever_waits_when_it_is_closed_is_refused_and_so_is_whoever_comes_later() -> None:
    """With the words that each brought; what was answered stays answered."""
    box, taken = Letterbox(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        waits = group.create_task(_posted(box, lambda _answer: taken.set()))
        answered = group.create_task(_posted(box, lambda answer: answer.set_result(1)))
        await asyncio.wait([answered])
        await taken.wait()
        box.close()
        box.close()
    assert isinstance(waits.result(), RefusedError)
    assert answered.result() == 1
    assert isinstance(await _posted(box, lambda answer: answer.set_result(2)), RefusedError)
    assert not box._waiting


async def test_an_error_is_raised_in_the_thread_also_one_that_says_time_is_up() -> None:
    """It is told apart from the thread's own waiting."""
    error = TimeoutError("the other side's")
    assert await _posted(Letterbox(), lambda answer: answer.set_exception(error)) is error


async def test_where_taking_fails_the_thread_is_told_at_the_end() -> None:
    """The loop tells its handler of the error; nobody else could; the thread does not wait for ever."""
    box, told, heard = Letterbox(), list[str](), asyncio.Event()

    def hear(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        told.append(str(context["exception"]))
        heard.set()

    def fail(_answer: Future[Any]) -> None:
        raise MemoryError("no room")

    asyncio.get_running_loop().set_exception_handler(hear)
    async with asyncio.TaskGroup() as group:
        posted = group.create_task(_posted(box, fail))
        await heard.wait()
        box.close()
    assert isinstance(posted.result(), RefusedError)
    assert told == ["no room"]


async def test_many_threads_may_post_while_it_is_closed() -> None:
    """Each is answered or refused, none waits on."""
    box, begun = Letterbox(), threading.Barrier(5)

    def take(answer: Future[Any]) -> None:
        if not answer.done():
            answer.set_result("done")

    def post() -> str:
        begun.wait(30)
        try:
            return str(box.post(take, RefusedError()))
        except RefusedError:
            return "refused"

    async with asyncio.TaskGroup() as group:
        posted = [group.create_task(asyncio.to_thread(post)) for _ in range(4)]
        await asyncio.to_thread(begun.wait, 30)
        box.close()
    assert {one.result() for one in posted} <= {"done", "refused"}
    assert not box._waiting
