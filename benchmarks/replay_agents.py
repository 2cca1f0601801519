"""Agents that ask the same of one server, three times each: as a coroutine, in a thread, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import urllib.request
from collections.abc import Callable
from typing import Any, Final

import orjson

from orchestrator.agent import Agent, AgentCard, adopt
from orchestrator.context import TaskContext
from orchestrator.http import HttpClient
from orchestrator.messages import Task
from orchestrator.policy import Policy

#: Where the server is; the processes of isolated agents find it there, too.
ADDRESS: Final = "POINTSMAN_BENCH_SERVER"
CALLS: Final = 3
AGENTS: Final = 8
PROMPT: Final = {"prompt": "What is the balance?"}


class Caller:
    """Asks through our HTTP client, all its calls one after the other."""

    def __init__(self, name: str, policy: Policy | None = None) -> None:
        self.card = AgentCard(name=name, summary="Asks a server", examples=("ask the server",), policy=policy)

    async def handle(self, task: Task, context: TaskContext) -> Any:
        """Return what came, with the time and an id."""
        async with HttpClient(allow=["127.0.0.1"]) as client:
            said = [(await client.post(os.environ[ADDRESS], json=PROMPT)).json()["said"] for _ in range(CALLS)]
        return {"said": said, "at": context.clock.now(), "id": context.new_id(), "task": task.id}


class Threaded:
    """Asks from a plain function, in a thread."""

    def __init__(self, name: str, policy: Policy | None = None) -> None:
        self.card = AgentCard(name=name, summary="Asks a server", examples=("ask the server",), policy=policy)

    def handle(self, task: Task, context: TaskContext) -> Any:
        """Return what came, with an id."""
        said = [context.blocking.read("llm", _ask, request=PROMPT) for _ in range(CALLS)]
        return {"said": said, "id": context.new_id(), "task": task.id}


class Spawning:
    """Asks by a program of its own, whose answer is read as anything from outside is."""

    def __init__(self, name: str, policy: Policy | None = None) -> None:
        self.card = AgentCard(name=name, summary="Asks a server", examples=("ask the server",), policy=policy)

    async def handle(self, task: Task, context: TaskContext) -> Any:
        """Return what came, with an id."""
        said = [await context.read("program", _run_program, request=PROMPT) for _ in range(CALLS)]
        return {"said": said, "id": context.new_id(), "task": task.id}


def _ask() -> Any:
    request = urllib.request.Request(os.environ[ADDRESS], orjson.dumps(PROMPT))  # noqa: S310 - a loopback server
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the same
        return orjson.loads(answer.read())["said"]


async def _run_program() -> Any:
    program = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    said = await asyncio.to_thread(_ask)
    output, _ = await program.communicate(orjson.dumps(said))
    return orjson.loads(output)


def _isolated(kind: Callable[[str, Policy | None], Any], number: int) -> Agent:
    return adopt(kind(f"isolated-{number}", Policy(isolation="process")))


isolated_0, isolated_1, isolated_2, isolated_3 = (_isolated(Caller, number) for number in range(4))
isolated_4, isolated_5, isolated_6, isolated_7 = (_isolated(Threaded, number) for number in range(4, 8))

GROUPS: Final[dict[str, tuple[Agent, ...]]] = {
    "coroutines": tuple(adopt(Caller(f"caller-{number}")) for number in range(AGENTS)),
    "threads": tuple(adopt(Threaded(f"threaded-{number}")) for number in range(AGENTS)),
    "programs": tuple(adopt(Spawning(f"spawning-{number}")) for number in range(AGENTS)),
    "processes": (isolated_0, isolated_1, isolated_2, isolated_3, isolated_4, isolated_5, isolated_6, isolated_7),
}
