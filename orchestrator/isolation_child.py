"""The isolation's child: what runs inside the process of a handler; JSON comes in and goes out, nothing else."""

from __future__ import annotations

import asyncio
import functools
import json
import math
import os
import queue
import resource
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any, Final, TypeVar

from orchestrator.agent import Agent
from orchestrator.budget import Amount, Shortage
from orchestrator.causes import Cause, kinds_of
from orchestrator.clock import SystemClock
from orchestrator.context import InDoubt, TaskContext
from orchestrator.errors import AgentError, BudgetExceededError, NotJsonError
from orchestrator.foreign import as_json, describe, one_line
from orchestrator.frames import pack, read_frame
from orchestrator.messages import Result, Task
from orchestrator.whereabouts import find_again

T = TypeVar("T")
_MB: Final = 1_000_000
_NO_MEMORY: Final = pack({"cause": Cause.OUT_OF_MEMORY, "error": ""})  # made while there is some


class _OwnClock(SystemClock):
    """Blocking functions run here and now: the process has nothing else to do, and can be killed."""

    def __init__(self, now: float | None) -> None:
        if now is not None:
            self.now = lambda: now  # a run in virtual time: it stands while we run

    async def run_blocking(self, function: Callable[[], T]) -> T:
        """Run `function`."""
        return function()


def main(descriptor: str, reference: str, memory_mb: str) -> None:
    """Serve calls of one agent's handler until the other side is gone.

    Args:
        descriptor: of the socket.
        reference: `module:qualname` of the agent.
        memory_mb: that it may take beyond what it has when it is ready; `null` for no bound.
    """
    channel = socket.socket(fileno=int(descriptor))
    channel.set_inheritable(False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    asides = _Asides(channel)
    threading.Thread(target=_listen, args=(channel, requests, asides.replies), daemon=True).start()
    requests.get()
    try:
        agent = find_again(reference)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - importing it runs a stranger's code
        channel.sendall(pack({"error": describe(error)}))
        return
    channel.sendall(pack({"card": agent.card.digest}))
    memory = json.loads(memory_mb)
    _limit_memory(memory)
    with asyncio.Runner() as runner:
        while True:
            frame = _frame(runner, agent, requests.get(), asides, bounded=memory is not None)
            asides.answer(frame)


class _Asides:
    """Asks the process of the run something while a call lasts, and sends the answer to the call."""

    def __init__(self, channel: socket.socket) -> None:
        self.replies: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._channel, self._one_at_a_time = channel, threading.Lock()
        self.call = 0

    def ask(self, call: int, question: dict[str, Any]) -> dict[str, Any]:
        """Return the reply; a thread that outlived its call gets none."""
        with self._one_at_a_time:
            if call != self.call:
                raise AgentError("the attempt is over; nothing can be asked for it any more")
            self._channel.sendall(pack(question))
            return self.replies.get()

    def answer(self, frame: bytes) -> None:
        """Send the answer to the call: it is over."""
        with self._one_at_a_time:
            self.call += 1
            self._channel.sendall(frame)

    def spend(self, call: int, amount: Amount) -> Awaitable[None]:
        """Count what was spent in the process of the run; return once it is on record there."""
        told = self.ask(call, {"ask": "spend", **amount.to_json()})
        if "budget" in told:
            raise BudgetExceededError(Shortage.from_json(told["budget"]))
        return _Recorded()


class _Recorded:
    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


def _listen(
    channel: socket.socket,
    requests: queue.SimpleQueue[dict[str, Any]],
    replies: queue.SimpleQueue[dict[str, Any]],
) -> None:
    """Take in calls, and replies; when nobody is left to call, end the whole group."""
    try:
        while True:
            frame = read_frame(channel)
            if "told" in frame:
                replies.put(frame["told"])
            else:
                requests.put(frame)
    except (EOFError, OSError):
        os.killpg(0, signal.SIGKILL)


def _frame(runner: asyncio.Runner, agent: Agent, request: dict[str, Any], asides: _Asides, *, bounded: bool) -> bytes:
    try:
        frame = pack(runner.run(_answer(agent, request, asides)))
    except MemoryError:
        if bounded:
            _lift_memory()
        return _NO_MEMORY
    except TypeError as error:  # orjson.JSONEncodeError is one
        return pack({"cause": Cause.REFUSED, "error": one_line(error)})
    if len(frame) > request["max_output"]:
        return pack({"cause": Cause.TOO_LARGE, "size": len(frame)})
    return frame


class _NoEffects:
    """Refuses effects: their receipts belong into the journal, which the process of the run alone writes."""

    async def perform(self, name: str, function: Callable[[str], Any], key: str, in_doubt: InDoubt) -> Any:  # noqa: ARG002 - the protocol's
        raise AgentError(f"effect {name!r}: a handler in a process of its own has none; leave out `isolation`")


async def _answer(agent: Agent, request: dict[str, Any], asides: _Asides) -> dict[str, Any]:
    """Run the handler: whatever it does becomes a value, as in the process of the run."""
    _limit_cpu(request["cpu_s"])
    task = Task.from_json(request["task"])
    results = {name: Result(*fields) for name, fields in request["results"].items()}
    clock, workspace = _OwnClock(request["now"]), Path(request["workspace"])
    spend = functools.partial(asides.spend, asides.call)
    context = TaskContext(task, request["attempt"], results, workspace, clock, effects=_NoEffects(), spending=spend)
    late = {"cause": Cause.TIMEOUT, "error": ""}
    limit = asyncio.timeout(request["timeout_s"])
    try:
        async with limit:
            output = await agent.handle(task, context)
    except AgentError as error:
        return {"cause": Cause.GAVE_UP, "error": one_line(error)}
    except BudgetExceededError as error:
        return {"cause": Cause.BUDGET, "error": one_line(error), "budget": error.shortage.to_json()}
    except MemoryError:
        raise
    except asyncio.CancelledError:
        return late if limit.expired() else {"cause": Cause.CANCELLED, "error": "the handler was cancelled from inside"}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the agent boundary: a stranger's code raised it
        return late if limit.expired() else _raised(error)
    if limit.expired():
        return late
    size = _at_least(output, request["max_output"])
    if size > request["max_output"]:  # found out before it is copied: under a bound on memory that may end the process
        return {"cause": Cause.TOO_LARGE, "size": size}
    return _answered(output, context)


def _raised(error: BaseException) -> dict[str, Any]:
    return {"cause": Cause.RAISED, "error": describe(error), "kinds": kinds_of(error)}


def _answered(output: Any, context: TaskContext) -> dict[str, Any]:
    try:
        plain = as_json(output)
    except NotJsonError as error:
        return {"cause": Cause.REFUSED, "error": one_line(error)}
    return {"output": plain, "added": [child.to_json() for child in context.added]}


def _at_least(value: Any, enough: int) -> int:
    """Return a lower bound of the bytes that a value has as JSON, looking no further than it must, or than is quick."""
    size, containers = 0, [(value,)]
    looks = 100_000  # what contains itself would be walked for long
    while containers and size <= enough and looks > 0:
        looks -= 1
        for item in containers.pop():
            size += len(item) + 2 if isinstance(item, str) else 1
            if isinstance(item, dict):
                containers += [tuple(item), tuple(item.values())]
            elif isinstance(item, list | tuple):
                containers.append(tuple(item))
    return size


def _limit_memory(memory_mb: int | None) -> None:
    if memory_mb is None:
        return
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    bound = pages * resource.getpagesize() + memory_mb * _MB
    _set_soft(resource.RLIMIT_AS, bound)


def _lift_memory() -> None:
    _set_soft(resource.RLIMIT_AS, resource.RLIM_INFINITY)


def _limit_cpu(seconds: float | None) -> None:
    if seconds is None:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set_soft(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + seconds))


def _set_soft(what: int, bound: int) -> None:
    """Set a soft limit, within the hard one, which stays: a soft one can be lifted again."""
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        bound = hard if bound == resource.RLIM_INFINITY else min(bound, hard)
    resource.setrlimit(what, (bound, hard))
