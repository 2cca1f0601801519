"""Agents for the tests of isolation: a process of its own finds them again in this module."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from orchestrator.agent import AgentCard, FunctionAgent, agent
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError, EffectNotDoneError
from orchestrator.messages import Task
from orchestrator.policy import Breaker, Policy, Retry

APART: Final = Policy(
    isolation="process",
    concurrency=2,
    timeout_s=30,
    grace_s=0,
    memory_mb=300,
    max_output_mb=1,
    retry=Retry(max_attempts=2, backoff_s=0),
    breaker=Breaker(failures=1000),
)
SHORT: Final = APART.model_copy(update={"timeout_s": 0.3})
Handler = Callable[[Task, TaskContext], Awaitable[Any]]


def apart(name: str, policy: Policy = APART) -> Callable[[Handler], FunctionAgent[Any, Any]]:
    """Decorate a handler: an agent that runs in a process of its own."""
    return agent(name, summary=f"plays the part of {name}", examples=[f"please ask {name}"], policy=policy)


@apart("teller")
async def teller(task: Task, context: TaskContext) -> dict[str, Any]:
    """Say who was asked, and in which process."""
    context.add_task("please ask the teller again") if task.payload.get("more") else None
    results = {name: result.output for name, result in context.results.items()}
    return {"pid": os.getpid(), "attempt": context.attempt, "results": results, "here": str(context.path("x").name)}


@agent("plain-teller", summary="plays the part of a plain function", examples=["please ask plain-teller"], policy=APART)
def plain_teller(payload: dict[str, Any]) -> int:
    """Say in which process a plain function runs."""
    return os.getpid()


class Holder:
    """An agent that is an object with a plain `handle`."""

    card = AgentCard(name="holder", summary="holds", examples=("please ask holder",), policy=APART)

    def handle(self, task: Task, context: TaskContext) -> str:
        """Answer."""
        return "held"


holder = Holder()


@apart("payer")
async def payer(task: Task, context: TaskContext) -> Any:
    """Do something to a ledger, which is a file of keys, as its payload says."""
    ledger = Path(task.payload["ledger"])

    def pay(key: str) -> Any:
        with ledger.open("a") as file:
            file.write(f"{key}\n")
        return DEEDS[task.payload["deed"]](context)

    async def slowly(key: str) -> Any:
        await asyncio.sleep(0.01)
        return pay(key)

    if task.payload["deed"] == "both":
        async with asyncio.TaskGroup() as group:
            made = [group.create_task(context.effect("pay", slowly, key=key)) for key in ("b1", "b2")]
        return [one.result() for one in made]
    if task.payload["deed"] == "nest":
        return await context.effect("outer", lambda _key: context.effect("inner", pay))
    receipt = await context.effect("pay", pay, in_doubt=task.payload.get("in_doubt", "again"))
    if task.payload["deed"] == "ask":
        return [await context.ask("who is it for?", ()), receipt]
    if context.attempt == 1:
        raise ConnectionError("the ledger is written, and then something else fails")
    return receipt


def _raise(error: BaseException) -> None:
    raise error


#: What becomes of an effect of `payer`, once the ledger is written.
DEEDS: Final[dict[str, Callable[[TaskContext], Any]]] = {
    "pay": lambda _context: "paid",
    "both": lambda _context: "paid",
    "nest": lambda _context: "paid",
    "ask": lambda _context: os.getpid(),
    "odd": lambda _context: object(),
    "doubt": lambda _context: _raise(ConnectionError("reset by peer")),
    "undone": lambda context: "paid" if context.attempt == 2 else _raise(EffectNotDoneError("not sent")),
    "die": lambda context: "paid" if context.attempt == 2 else os._exit(3),
}


@agent("plain-payer", summary="pays from a plain function", examples=["please ask plain-payer"], policy=APART)
def plain_payer(payload: dict[str, Any], context: TaskContext) -> Any:
    """Pay, ask and add a task, without `await`."""
    receipt = context.blocking.effect("pay", lambda key: key)
    context.add_task("more", agent="nobody")
    return [receipt, context.blocking.ask("who is it for?", ("me",))]


@apart("late-payer", SHORT.model_copy(update={"grace_s": 30}))
async def late_payer(task: Task, context: TaskContext) -> Any:
    """Want an effect that takes too long."""
    return await context.effect("pay", lambda _key: asyncio.Event().wait(), in_doubt="fail")


@apart("raiser")
async def raiser(task: Task, context: TaskContext) -> None:
    """Raise."""
    raise ValueError("two\n lines")


@apart("giver-up")
async def giver_up(task: Task, context: TaskContext) -> None:
    """Give up."""
    raise AgentError("hopeless")


@apart("leaver")
async def leaver(task: Task, context: TaskContext) -> None:
    """End the process."""
    os._exit(3)


@apart("killed")
async def killed(task: Task, context: TaskContext) -> None:
    """Die of a signal."""
    os.kill(os.getpid(), signal.SIGSEGV)


@apart("hog")
async def hog(task: Task, context: TaskContext) -> None:
    """Take all the memory that there is."""
    taken = []
    while True:
        taken.append(bytearray(10_000_000))


@apart("hanger", SHORT)
async def hanger(task: Task, context: TaskContext) -> None:
    """Hang."""
    await asyncio.Event().wait()


@apart("deaf", SHORT)
async def deaf(task: Task, context: TaskContext) -> None:
    """Hang, and hear no cancellation."""
    threading.Event().wait()


@apart("spinner", SHORT)
async def spinner(task: Task, context: TaskContext) -> None:
    """Spin."""
    while True:
        pass


@apart("burner", APART.model_copy(update={"cpu_s": 0.1}))
async def burner(task: Task, context: TaskContext) -> None:
    """Use up the CPU's time."""
    while True:
        pass


@apart("giant")
async def giant(task: Task, context: TaskContext) -> str:
    """Give back 100 MB."""
    return "x" * 100_000_000


@apart("odd")
async def odd(task: Task, context: TaskContext) -> object:
    """Give back what is no JSON."""
    return object()


@apart("half")
async def half(task: Task, context: TaskContext) -> str:
    """Give back half of a character."""
    return "\ud800"


@apart("garbler")
async def garbler(task: Task, context: TaskContext) -> None:
    """Write to the connection of the process itself."""
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"\0\0\0\0\0\0\0\5wrong")
        except OSError:
            continue


@agent("parent", summary="plays the part of a parent", examples=["please ask parent"], policy=APART)
def parent(payload: dict[str, Any]) -> None:
    """Start a process, write down both ids, wait for it."""
    child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
    Path(payload["file"]).write_text(f"{os.getpid()} {child.pid}", encoding="utf-8")
    child.wait()


@apart("tidy", SHORT.model_copy(update={"grace_s": 30}))
async def tidy(task: Task, context: TaskContext) -> None:
    """Clean up when cut off."""
    try:
        await asyncio.Event().wait()
    finally:
        await context.clock.run_blocking(lambda: Path(task.payload["file"]).write_text("clean", encoding="utf-8"))


def nowhere() -> FunctionAgent[Any, Any]:
    """Return an agent that no other process can find."""

    @apart("nowhere")
    async def run(task: Task, context: TaskContext) -> None:
        """Do nothing."""

    return run
