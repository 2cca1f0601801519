import asyncio
import gc
import os
import select
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.alarm import Alarm
from orchestrator.clock import SystemClock
from orchestrator.context import TaskContext
from orchestrator.errors import CardError
from orchestrator.isolation import Isolation
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Result, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.starts import Starts
from orchestrator.testing import FixedRouter, in_virtual_time
from tests.orchestrator import isolated_agents as them
from tests.orchestrator.runs import make


@asynccontextmanager
async def real(*agents: Any, **settings: Any) -> AsyncIterator[Orchestrator]:
    """Run in real time, and find nothing left behind: no process, thread or file descriptor."""
    settings = {"log_format": "off", "drain_s": 0, **settings}
    before = _left()
    journal, clock = MemoryJournal("r"), SystemClock()
    o = Orchestrator(Settings(**settings), agents=agents, router=FixedRouter(), journal=journal, clock=clock, run="r")
    try:
        async with o:
            yield o
    finally:
        assert _left() == before


def _left() -> tuple[int, int]:
    gc.collect()  # what the tests before left in cycles holds descriptors, too
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # a process or a zombie would answer
    ours = sum(thread.name.startswith("isolated ") for thread in threading.enumerate())
    return len(list(Path("/proc/self/fd").iterdir())), ours


async def outcome(agent: Any, payload: dict[str, Any] | None = None) -> Result:
    """Run one task of an agent in real time."""
    async with real(agent) as o:
        return await (await o.submit(agent.card.name, payload=payload)).result()


async def test_a_handler_runs_in_another_process_and_answers_as_in_ours() -> None:
    """Task, attempt, results and workspace go in, output and added tasks come out."""
    async with real(them.teller) as o:
        await o.submit("teller", id="a")
        second = await o.submit("teller", id="b", after=["a"], payload={"more": True})
        result = await second.result()
        await o.idle()
        assert result.ok, result.error
        assert result.output["pid"] != os.getpid()
        assert result.output["attempt"] == 1
        assert set(result.output["results"]) == {"a"}
        assert o._graph.task("b/1").parent == "b"


async def test_a_process_is_kept_warm_between_attempts() -> None:
    """One process for as many attempts as run at the same time: ten tasks one after another share one."""
    async with real(them.teller) as o:
        pids = {(await (await o.submit("teller")).result()).output["pid"] for _ in range(10)}
    assert len(pids) == 1


@pytest.mark.parametrize("agent", [them.plain_teller, them.holder], ids=lambda agent: agent.card.name)
async def test_plain_functions_and_objects_are_found_again(agent: Any) -> None:
    """By the name that they have in their module."""
    assert (await outcome(agent)).status == "completed"


async def test_an_agent_that_another_process_would_not_find_is_refused() -> None:
    """When it is registered, not when its first task comes; and nothing of it stays."""
    async with real(them.teller) as o:
        with pytest.raises(CardError, match="cannot find it again"):
            await o.register(them.nowhere())
        assert "nowhere" not in o.registry


POISON = [
    (them.raiser, "dead_lettered", 2, "raised", "ValueError: two lines"),
    (them.giver_up, "failed", 1, "gave-up", "hopeless"),
    (them.leaver, "dead_lettered", 2, "crash", "the handler's process ended with exit code 3"),
    (them.killed, "dead_lettered", 2, "crash", "the handler's process was killed by SIGSEGV"),
    (them.hog, "dead_lettered", 2, "out-of-memory", "out of memory: it wanted more than 300 MB"),
    (them.hanger, "dead_lettered", 2, "timeout", "no answer within 0.3 s"),
    (them.deaf, "dead_lettered", 2, "timeout", "no answer within 0.3 s"),
    (them.spinner, "dead_lettered", 2, "timeout", "no answer within 0.3 s"),
    (them.burner, "dead_lettered", 2, "cpu", "used more than 0.1 s of CPU; raise cpu_s"),
    (them.giant, "dead_lettered", 2, "too-large", "the answer is 100.0 MB of JSON, more than 1"),
    (them.odd, "failed", 1, "refused", "what the agent gave back was refused: "),
    (them.half, "failed", 1, "refused", "what the agent gave back was refused: "),
    (them.garbler, "dead_lettered", 2, "crash", "the handler's process answered what is no JSON"),
]


@pytest.mark.parametrize(
    ("agent", "status", "attempts", "cause", "error"), POISON, ids=lambda it: it if isinstance(it, str) else ""
)
async def test_poison_is_attempted_as_often_as_it_may_be_and_named(
    agent: Any, status: str, attempts: int, cause: str, error: str
) -> None:
    """Whatever a handler does to its process is a failed attempt with its cause; the run goes on."""
    async with real(agent, them.teller) as o:
        result = await (await o.submit(agent.card.name)).result()
        other = await (await o.submit("teller")).result()
        rows = [row.envelope.body for row in o._journal.select(topics=["task.retried", f"task.{status}"])]  # type: ignore[attr-defined]
    assert (result.status, result.attempts) == (status, attempts)
    assert result.error.startswith(error)
    assert [row["cause"] for row in rows] == [cause] * attempts
    assert other.ok


async def test_one_cut_off_may_clean_up_within_its_grace(tmp_path: Path) -> None:
    """Its own process cancels it at `timeout_s`; only after `grace_s` more is the process killed."""
    file = tmp_path / "x"
    assert (await outcome(them.tidy, {"file": str(file)})).error == "no answer within 0.3 s"
    assert file.read_text() == "clean"


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A pipe by name: who reads it waits for who writes."""
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


async def _written(pipe: Path) -> list[int]:
    """Return the ids that `parent` wrote, as soon as it has."""
    return [int(pid) for pid in (await asyncio.to_thread(pipe.read_text)).split()]


async def _gone(pids: list[int]) -> None:
    """Return when processes are dead."""
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            await asyncio.to_thread(select.select, [descriptor], [], [])
        finally:
            os.close(descriptor)


async def test_stopping_kills_the_process_and_what_it_started(pipe: Path) -> None:
    """A run that stops at once leaves neither the handler's process nor that one's own children."""
    async with real(them.parent) as o:
        await o.submit("parent", payload={"file": str(pipe)})
        pids = await _written(pipe)
    await _gone(pids)


async def test_unregistering_kills_the_process(pipe: Path) -> None:
    """An agent that had to be stopped has no process any more, and its task is a dead letter."""
    async with real(them.parent) as o:
        ticket = await o.submit("parent", payload={"file": str(pipe)})
        pids = await _written(pipe)
        assert await o.unregister("parent") == 1
        await _gone(pids)
        assert (await ticket.result()).status == "dead_lettered"


async def test_a_process_whose_run_is_gone_ends_itself(pipe: Path) -> None:
    """After kill -9 of the coordinator nothing is left: the process finds its connection closed."""
    code = f"""
import asyncio, os, signal
from orchestrator import Orchestrator, Settings
from orchestrator.journal import MemoryJournal
from orchestrator.testing import FixedRouter
from tests.orchestrator.isolated_agents import parent
async def main():
    o = Orchestrator(Settings(log_format="off"), agents=[parent], router=FixedRouter(), journal=None)
    async with o:
        await o.submit("parent", payload={{"file": {str(pipe)!r}}})
        await asyncio.Event().wait()
asyncio.run(main())
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    run = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=pipe.parent, env=environment)
    pids = await _written(pipe)
    run.send_signal(signal.SIGKILL)
    await run.wait()
    await _gone(pids)


async def test_cancelling_at_any_moment_leaves_nothing() -> None:
    """A run left by an exception at any moment of starting and calling: no process, thread or descriptor stays."""
    for turns in range(0, 100, 10):
        with pytest.raises(KeyError):
            await _leave_after(turns)


async def _leave_after(turns: int) -> None:
    async with real(them.teller, them.hanger) as o:
        await o.submit("teller")
        await o.submit("hanger")
        for _ in range(turns):
            await asyncio.sleep(0.001)
        raise KeyError


@in_virtual_time
async def test_in_virtual_time_a_process_takes_none() -> None:
    """A scenario replays with the same processes, bounded by the wall's seconds."""
    async with make([them.teller, them.hanger]) as o:
        assert (await (await o.submit("teller")).result()).output["pid"] != os.getpid()
        assert (await (await o.submit("hanger")).result()).error == "no answer within 0.3 s"
        assert asyncio.get_running_loop().time() < 1


async def test_what_fails_in_ending_the_process_of_a_cancelled_call_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread does it for which nobody waits: the run hears of it by its alarm."""
    asked, alarm = asyncio.Event(), Alarm()

    class Nobody:
        async def ask(self, *_: object) -> str:
            asked.set()
            await asyncio.Event().wait()
            return ""

    def fail(_isolation: Isolation, process: object) -> None:
        raise OSError(f"no end of {type(process).__name__}")

    isolation = Isolation(them.payer, them.APART, Starts(), lambda: None, alarm)
    task = Task("t", "x", {"deed": "ask", "ledger": str(tmp_path / "ledger")})
    try:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(isolation.handle(task, TaskContext(task, people=Nobody()), them.APART))
            await asked.wait()
            monkeypatch.setattr(Isolation, "_end", fail)
            call.cancel()
        with pytest.raises(OSError, match="no end of IsolatedProcess"):
            await alarm.watch()
    finally:
        monkeypatch.undo()
        isolation.close()
