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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, TypeVar

from orchestrator.agent import Agent
from orchestrator.causes import Cause, kinds_of
from orchestrator.clock import SystemClock
from orchestrator.confinement import confined, is_confined
from orchestrator.context import Parked, TaskContext
from orchestrator.errors import AgentError, BudgetExceededError, NotJsonError
from orchestrator.foreign import as_json, describe, one_line
from orchestrator.frames import pack, read_frame
from orchestrator.isolation_run import Run
from orchestrator.messages import Result, Task
from orchestrator.offline import offline
from orchestrator.outside import CURRENT, WORLD
from orchestrator.turns import TurnTakingLoop
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


class _OwnLoop(TurnTakingLoop):
    """A loop whose threads take turns with it while the run is in virtual time."""

    def takes_turns(self) -> bool:
        return is_confined()


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
    threading.Thread(target=_listen, args=(channel, requests), daemon=True).start()
    requests.get()
    try:
        agent = find_again(reference)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - importing it runs a stranger's code
        channel.sendall(pack({"error": describe(error)}))
        return
    channel.sendall(pack({"card": agent.card.digest}))
    memory = json.loads(memory_mb)
    _limit_memory(memory)
    run = Run(channel, requests)
    with asyncio.Runner(loop_factory=_OwnLoop) as runner:
        while True:
            run.answer(_frame(runner, agent, run, requests.get(), bounded=memory is not None))


def _listen(channel: socket.socket, requests: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Take in calls; when nobody is left to call, end the whole group."""
    try:
        while True:
            requests.put(read_frame(channel))
    except (EOFError, OSError):
        os.killpg(0, signal.SIGKILL)


def _frame(runner: asyncio.Runner, agent: Agent, run: Run, request: dict[str, Any], *, bounded: bool) -> bytes:
    try:
        frame = pack(runner.run(_answer(agent, run, request)))
    except MemoryError:
        if bounded:
            _lift_memory()
        return _NO_MEMORY
    except TypeError as error:  # orjson.JSONEncodeError is one
        return pack({"cause": Cause.REFUSED, "error": one_line(error)})
    if len(frame) > request["max_output"]:
        return pack({"cause": Cause.TOO_LARGE, "size": len(frame)})
    return frame


async def _answer(agent: Agent, run: Run, request: dict[str, Any]) -> dict[str, Any]:
    """Run the handler: whatever it does becomes a value, as in the process of the run."""
    _limit_cpu(request["cpu_s"])
    task = Task.from_json(request["task"])
    results = {name: Result(*fields) for name, fields in request["results"].items()}
    clock, workspace = _OwnClock(request["now"]), Path(request["workspace"])
    run.clock = clock
    own = (task, request["attempt"], results, workspace, clock)
    spend = functools.partial(run.spend, run.calls)
    CURRENT.set(run if request["outside"] else None)
    context = TaskContext(
        *own, effects=run, people=run, wait=run.wait, spending=spend, outside=run if request["outside"] else WORLD,
        seed=request["seed"],
    )  # fmt: skip
    late = {"cause": Cause.TIMEOUT, "error": ""}
    limit = asyncio.timeout(request["timeout_s"])
    try:
        async with limit:
            with _kept_in(request):
                output = await agent.handle(task, context)
    except AgentError as error:
        return {"cause": Cause.GAVE_UP, "error": one_line(error)}
    except BudgetExceededError as error:
        return {"cause": Cause.BUDGET, "error": one_line(error), "budget": error.shortage.to_json()}
    except NotJsonError as error:
        return {"cause": Cause.REFUSED, "error": one_line(error)}
    except MemoryError:
        raise
    except Parked:  # the run knows, and overrules this
        return {"cause": Cause.RAISED, "error": "it waits for a person"}
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


@contextmanager
def _kept_in(request: dict[str, Any]) -> Iterator[None]:
    """Keep the handler from what the run itself is kept from."""
    with offline() if request["offline"] else nullcontext(), confined() if request["confined"] else nullcontext():
        yield


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
