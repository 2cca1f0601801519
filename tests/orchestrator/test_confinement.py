import asyncio
import multiprocessing
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from orchestrator import Orchestrator, Result, Settings, agent
from orchestrator.clock import VirtualClock, run_virtual
from orchestrator.confinement import confined, is_confined
from orchestrator.context import TaskContext
from orchestrator.journal import MemoryJournal
from orchestrator.offline import offline
from orchestrator.outside_errors import UnrepeatableError
from orchestrator.testing import FixedRouter


def _run(handler: Callable[..., Any]) -> Result:
    """Run one task by this handler, confined and offline."""
    made = agent("worker", summary="works", examples=["work"])(handler)

    async def main() -> Result:
        own = (Settings(log_format="off"), [made], FixedRouter(), MemoryJournal("r"), VirtualClock())
        settings, agents, router, journal, clock = own
        async with Orchestrator(
            settings, agents=agents, router=router, journal=journal, clock=clock, run="r"
        ) as orchestrator:
            return await (await orchestrator.submit("x", agent="worker")).result()

    with offline(), confined():
        return run_virtual(main())


async def _thread(request: str) -> None:
    threading.Thread(target=print).start()


def _thread_of_def(request: str) -> None:
    threading.Thread(target=print).start()


async def _pool(request: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(print)


async def _program(request: str) -> None:
    await asyncio.create_subprocess_exec(sys.executable, "-c", "")


async def _bare_program(request: str) -> None:
    subprocess.Popen([sys.executable, "-c", ""])  # noqa: ASYNC220 - that is the point


async def _fork(request: str) -> None:
    os.fork()


async def _process(request: str) -> None:
    multiprocessing.get_context("spawn").Process(target=print).start()


async def _in_a_task(request: str) -> str:
    said = ""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_thread(request))
    except* UnrepeatableError as errors:
        said = str(errors.exceptions[0])
    return said


@pytest.mark.parametrize(
    ("handler", "what"),
    [
        (_thread, "a thread"),
        (_thread_of_def, "a thread"),
        (_pool, "a thread of a pool"),
        (_program, "a program"),
        (_bare_program, "a program"),
        (_fork, "a process"),
        (_process, "a process"),
    ],
)
def test_what_a_handler_starts_beside_the_run_is_refused_with_its_line(handler: Any, what: str) -> None:
    """Nobody could say when it ends: the agent fails at once, and the error says where, and what to do instead."""
    line = handler.__code__.co_firstlineno
    result = _run(handler)
    found = re.match(rf"test_confinement\.py:(\d+): it starts {what} beside the run, .* `context.read`", result.error)
    assert found, result.error
    assert line < int(found.group(1)) <= line + 2


def test_an_asyncio_task_of_a_handler_is_seen_as_well() -> None:
    """Its own frames end at the event loop."""
    assert str(_run(_in_a_task).output).startswith("test_confinement.py:")


@pytest.mark.parametrize("way", ["open", "serve", "udp"])
def test_a_connection_is_refused_with_its_line(way: str) -> None:
    """Whichever way it goes."""

    async def connects(request: str) -> None:
        loop = asyncio.get_running_loop()
        if way == "open":
            await asyncio.open_connection("127.0.0.1", 9)
        elif way == "serve":
            await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
        else:
            await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("127.0.0.1", 9))

    assert re.search(r"test_confinement\.py:\d+: a replay asks the network: 127\.0\.0\.1:[09]", _run(connects).error)


def test_what_blocks_is_no_matter() -> None:
    """Time stands still for a program that is waited for, and for the function of a thread that takes its turn."""

    async def waits(request: str) -> list[Any]:
        done = subprocess.run([sys.executable, "-S", "-c", "print(7)"], capture_output=True, text=True, check=True)  # noqa: ASYNC221 - that is the point
        return [done.stdout, await asyncio.to_thread(lambda: threading.current_thread().name)]

    assert _run(waits).output == ["7\n", "turn"]


def test_the_function_of_a_read_does_as_it_likes() -> None:
    """What comes of it is recorded: it may have threads, and these may start programs."""

    def starts() -> int:
        return subprocess.Popen([sys.executable, "-S", "-c", ""]).wait()

    def reads() -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(starts).result()

    async def handler(request: str, context: TaskContext) -> Any:
        return await context.read("program", reads)

    assert _run(handler).output == 0


def test_who_is_not_part_of_the_run_is_not_meant() -> None:
    """A server that was started before goes on in threads of its own."""
    begin = threading.Event()
    seen: list[int] = []

    def serve() -> None:
        begin.wait()
        inner = threading.Thread(target=seen.append, args=(1,))
        inner.start()
        inner.join()

    server = threading.Thread(target=serve)
    server.start()
    with confined():
        assert is_confined()
        begin.set()
        server.join()
    assert seen == [1]
    assert not is_confined()
