import asyncio
import io
import tempfile
import threading
from pathlib import Path
from typing import Any, Final

from orchestrator.agent import AgentCard
from orchestrator.budget import Budget
from orchestrator.clock import SystemClock, VirtualClock
from orchestrator.context import TaskContext
from orchestrator.journal import BlockingJournal, JournalReader, MemoryJournal
from orchestrator.logs import make_logger
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.policy import Policy, Retry
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent
from tests.orchestrator.faults import functions_of, wrong_at

#: What looks whether anything happens at all.
WATCHDOG: Final = ("orchestrator.stuck", "orchestrator.watchdog")
#: What works in threads: of handlers, and of the heartbeat.
THREADS: Final = (
    "orchestrator.alarm",
    "orchestrator.blocking",
    "orchestrator.errands",
    "orchestrator.heartbeat",
    "orchestrator.journal.aside",
    "orchestrator.judgement",
    "orchestrator.letterbox",
    "orchestrator.pulse",
    "orchestrator.standpoint",
)
#: What a thread and the loop do one after the other, in virtual time; and a journal that holds the loop up.
TURNS: Final = ("orchestrator.journal.blocking", "orchestrator.turns")
COMPONENTS: Final = (*WATCHDOG, *THREADS, *TURNS)
#: Called by the loop alone, on behalf of a thread: it tells its own handler, and the thread is told at the end.
CALLBACKS: Final = ("blocking.Bridge._take", "errands.Errands._begin")
#: For handlers that are called by hand, and for a clock that has no threads.
BY_HAND: Final = ("blocking._awaited", "blocking.at_once", "blocking.wait_alone")
#: Of all points, every so many-th is tried in `make test`; `make faults` tries all.
SOME: Final = 29
ONCE: Final = Policy(concurrency=1, timeout_s=2, retry=Retry(max_attempts=1))


async def nothing_happens(told: list[str]) -> None:
    """Lose a worker, as a fault of ours would, so that a run stands still; leave it once that was said twice."""
    journal, logged = MemoryJournal("r"), io.StringIO()
    logger = make_logger("json", logged, now=lambda: 0.0)
    agents = [ScriptedAgent("a", policy=ONCE), ScriptedAgent("b", policy=ONCE)]
    given: dict[str, Any] = {"agents": agents, "router": FixedRouter(), "clock": VirtualClock(), "logger": logger}
    try:
        async with Orchestrator(Settings(stuck_after_s=30, drain_s=0), journal=journal, run="r", **given) as o:
            for worker in o._supervisor._runners["a"]._workers:
                worker.cancel()
            await o.submit("a", id="first")
            await o.submit("b", id="second", after=["first"])
            await asyncio.sleep(200)
            if (stuck := o.statistics().stuck) is not None:
                told.append(stuck.describe())
    finally:
        told += [logged.getvalue(), *(str(row.envelope.body) for row in journal.rows)]


class Blunt:
    """An agent with a plain `handle`, which runs in a thread, spends, has an effect and asks a person."""

    card = AgentCard(name="blunt", summary="blunt", examples=("blunt",), policy=ONCE)

    def handle(self, _task: Task, context: TaskContext) -> Any:
        context.spend(tokens=1)
        return [context.blocking.effect("book", lambda key: key), context.blocking.ask("go on?")]


async def they_take_turns(told: list[str]) -> None:
    """Let a plain handler have of the run what it may, in virtual time, as where a run is recorded."""
    logged = io.StringIO()
    logger = make_logger("json", logged, now=lambda: 0.0)
    given: dict[str, Any] = {"agents": [Blunt()], "router": FixedRouter(), "clock": VirtualClock(), "logger": logger}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j.db"
        try:
            with BlockingJournal(path, "r", durability="os-crash-may-lose") as journal:
                async with Orchestrator(Settings(drain_s=0), journal=journal, run="r", **given) as o:
                    ticket = await o.submit("blunt", id="b")
                    await asyncio.sleep(1)
                    if o._parts.questions.open:
                        await o.answer("b", "yes")
                    result = await ticket.result()
                    told.append(f"{result.status} {result.output} {result.error}")
        finally:
            told += [logged.getvalue(), *_rows(path)]


async def a_loop_stands(told: list[str]) -> None:
    """Hold the loop up until that is on record; let a thread have of the run whatever it may; judge a decision."""
    noticed = threading.Event()

    class Told(io.StringIO):
        def write(self, text: str) -> int:
            noticed.set()
            return super().write(text)

    def hold_up(_task: Task, _context: TaskContext) -> str:
        noticed.clear()
        return str(noticed.wait(0.5))  # never lets the loop run

    logged = Told()
    logger = make_logger("json", logged, now=lambda: 0.0)
    agents = [Blunt(), ScriptedAgent("holder", [hold_up], policy=ONCE)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j.db"
        settings = Settings(journal=path, durability="os-crash-may-lose", blocked_after_s=0.04, drain_s=0)
        given: dict[str, Any] = {"agents": agents, "router": FixedRouter(), "clock": SystemClock(), "logger": logger}
        try:
            async with Orchestrator(settings, run="r", budget=Budget(tokens=100), **given) as o:
                over = o.bus.subscribe("run.unblocked")
                holder = await o.submit("holder", id="h")
                told.append(f"{(await holder.result()).output}")
                blunt = await o.submit("blunt", id="b")
                async with asyncio.timeout(1):
                    await over.receive()
                    while not o._parts.questions.open and not blunt._outcome.done():  # noqa: ASYNC110 - no event says so
                        await asyncio.sleep(0.002)
                if not blunt._outcome.done():
                    await o.answer("b", "yes")
                result = await blunt.result()
                told.append(f"{result.status} {result.output} {result.error}")
                await o.feedback("h", right=True)
        finally:
            told += [logged.getvalue(), *_rows(path)]


def _rows(path: Path) -> list[str]:
    if not path.exists():
        return []
    with JournalReader(path) as reader:
        return [str(row.envelope.body) for row in reader.rows()]


def test_every_fault_in_watching_is_reported() -> None:
    """A watchdog that fails ends its run."""
    assert not wrong_at(functions_of(WATCHDOG), nothing_happens, SOME // 4)


def test_every_fault_in_taking_turns_is_reported() -> None:
    """The loop stands still while a thread works: it must not wait for one that has ended."""
    assert not wrong_at(functions_of(TURNS), they_take_turns, SOME // 4)


def test_every_fault_in_what_threads_have_of_a_run_is_reported() -> None:
    """In the thread of the pulse, and in those of handlers: none of them waits for ever, none ends unheard."""
    assert not wrong_at(functions_of(THREADS, BY_HAND), a_loop_stands, SOME, virtual=False, callbacks=CALLBACKS)
