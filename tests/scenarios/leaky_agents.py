"""Agents that read past their context in many ways; run by `test_watch.py` in a process of their own, which prints."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from time import monotonic as how_late
from typing import Any

from orchestrator import TaskContext, agent
from orchestrator.messages import Task
from orchestrator.plan import Plan
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter
from scenarios.rehearsal import Variation, rehearse

HERE = Path(__file__)


def _date(context: TaskContext) -> Any:
    return dt.date.today()  # leak: time date.today


def _renamed(context: TaskContext) -> Any:
    return how_late()  # leak: time time.monotonic


def _by_a_helper(context: TaskContext) -> Any:
    return [_helper() for _ in range(3)]


def _helper() -> float:
    return time.perf_counter()  # leak: time time.perf_counter


def _token(context: TaskContext) -> Any:
    return secrets.token_hex(4)  # leak: random secrets.token_hex


def _own_generator(context: TaskContext) -> Any:
    own = random.Random()  # leak: random random.Random
    return own.random()


def _variable(context: TaskContext) -> Any:
    return os.environ.get("HOME")  # leak: environment os.environ['HOME']


def _foreign_file(context: TaskContext) -> Any:
    return Path("/proc/self/stat").read_text()  # leak: file open('/proc/self/stat')


def _temporary(context: TaskContext) -> Any:
    with tempfile.TemporaryDirectory() as name:  # leak: file tempfile.TemporaryDirectory
        return name


def _connection(context: TaskContext) -> Any:
    with socket.socket() as one:
        one.connect(("127.0.0.1", 9))  # leak: network a connection


def _thread(context: TaskContext) -> Any:
    thread = threading.Thread(target=print)
    thread.start()  # leak: thread threading.Thread.start
    thread.join()


def _program(context: TaskContext) -> Any:
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)  # leak: program subprocess


def _inner_task(context: TaskContext) -> Any:
    async def late() -> float:
        return time.time()  # leak: time time.time

    async def main() -> float:
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(late())
        return asked.result()

    return main()


def _sound(context: TaskContext) -> Any:
    logging.getLogger("leaky").warning("the time of a log line decides nothing")
    (context.workspace / "note.txt").write_text("mine")
    seeded = random.Random(7).random()
    own = [context.clock.now(), context.new_id(), context.random.random(), seeded]
    return [*own, HERE.read_text()[:3], json.dumps({"a": 1}), asyncio.iscoroutine(0)]


def _read(context: TaskContext) -> Any:
    return context.read("time", time.time)


def _in_turn(context: TaskContext) -> Any:
    return asyncio.to_thread(sum, [1, 2])


WAYS: list[Callable[[TaskContext], Any]] = [
    _date, _renamed, _by_a_helper, _token, _own_generator, _variable, _foreign_file, _temporary, _connection, _thread,
    _program, _inner_task, _sound, _read, _in_turn,
]  # fmt: skip


def _agent(way: Callable[[TaskContext], Any]) -> Any:
    @agent(way.__name__[1:].replace("_", "-"), summary="Leaks.", examples=["leak"])
    async def leaky(request: str, context: TaskContext) -> Any:
        output = way(context)
        return str(await output if hasattr(output, "__await__") else output)

    return leaky


def main(workspace: str) -> None:
    """Run them all, and print what the watch saw."""
    agents = [_agent(way) for way in WAYS]
    plan = Plan("leaky", tuple(Task(one.card.name, "leak", agent=one.card.name) for one in agents))
    settings = Settings(workspace=Path(workspace))
    done = rehearse(plan, settings, agents, Variation(), router=FixedRouter())
    print(json.dumps({"leaks": [leak.to_json() for leak in done.leaks], "results": done.results}))


if __name__ == "__main__":
    main(sys.argv[1])
