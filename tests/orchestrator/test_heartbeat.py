import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import pytest

from orchestrator.context import TaskContext
from orchestrator.errors import RunOwnedError
from orchestrator.journal import JournalReader, MemoryJournal, SqliteJournal
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent

#: Long for a beat to be late, on a disk that others use, too.
LEASE_S = 1.0


class Notes:
    """A logger that keeps what it is told, and says when it was told something."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.told = threading.Event()

    def warning(self, event: str, **values: Any) -> None:
        self.said.append((event, values))
        self.told.set()

    def info(self, event: str, **values: Any) -> None:
        """Decisions are of no interest here."""


def run(tmp_path: Path, logger: Notes, *agents: Any, **settings: Any) -> Orchestrator:
    settings = {"journal": tmp_path / "j.db", "durability": "os-crash-may-lose", **settings}
    given: dict[str, Any] = {"agents": agents, "router": FixedRouter(), "logger": logger}
    return Orchestrator(Settings(**settings), run="r", **given)


async def test_a_handler_that_blocks_the_loop_is_on_record_while_it_does(tmp_path: Path) -> None:
    """Agent, task and attempt, where it is, for how long: in the log and in the journal; then that it is over."""
    notes, seen = Notes(), list[dict[str, Any]]()

    def block(_task: Task, _context: TaskContext) -> str:
        with JournalReader(tmp_path / "j.db") as reader:
            while not seen:  # never lets the loop run
                seen.extend(dict(row.envelope.body) for row in reader.rows(topics=["run.blocked"]))
        return "done"

    async with run(tmp_path, notes, ScriptedAgent("a", [block]), blocked_after_s=0.04) as o:
        over = o.bus.subscribe("run.unblocked")
        ticket = await o.submit("a please", id="t")
        assert (await ticket.result()).output == "done"
        envelope = await over.receive()
    [blocked] = seen
    assert {name: blocked[name] for name in ("agent", "task", "attempt")} == {"agent": "a", "task": "t", "attempt": 1}
    assert any(f"{__file__}:" in call for call in (blocked["where"], *blocked.get("calls", ())))
    assert (envelope.correlation_id, envelope.body) == ("t", blocked)
    assert envelope.measured is not None
    assert envelope.measured["blocked_s"] >= 0.04
    assert [event for event, _ in notes.said] == ["run.blocked", "run.unblocked"]
    assert notes.said[0][1]["task"] == "t"


async def test_a_part_of_a_handler_that_blocks_the_loop_is_named_with_who_is_at_work(tmp_path: Path) -> None:
    """An asyncio.Task that a handler made is known by its name; the tasks in flight stand beside it."""
    notes = Notes()

    async def part() -> None:
        assert notes.told.wait(60)

    async def handle(_task: Task, _context: TaskContext) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(part(), name="a part")

    async with run(tmp_path, notes, ScriptedAgent("a", [handle]), blocked_after_s=0.04) as o:
        assert (await (await o.submit("a please", id="t")).result()).ok
    assert notes.said[0][1]["holder"] == "a part"
    assert notes.said[0][1]["in_flight"] == ["t"]


async def test_a_journal_in_memory_hears_of_it_when_it_is_over() -> None:
    """Nobody else can write to it: the row comes from the loop."""
    notes, journal = Notes(), MemoryJournal("r")
    agent = ScriptedAgent("a", [lambda *_: notes.told.wait(60)])
    given: dict[str, Any] = {"agents": [agent], "router": FixedRouter(), "journal": journal, "logger": notes}
    async with Orchestrator(Settings(blocked_after_s=0.04), run="r", **given) as o:
        over = o.bus.subscribe("run.unblocked")
        await (await o.submit("a please")).result()
        await over.receive()
    assert [row.envelope.topic for row in journal.rows if "blocked" in row.envelope.topic] == ["run.unblocked"]


async def test_a_handler_that_blocks_the_loop_for_longer_than_a_lease_keeps_its_run(tmp_path: Path) -> None:
    """Another coordinator that wants it meanwhile is refused: the lease is renewed by the journal's own thread."""
    refused = list[bool]()

    def block(_task: Task, _context: TaskContext) -> None:
        for _ in range(4):  # of three beats a lease: each time it gives up as soon as it sees that the beat moves
            with pytest.raises(RunOwnedError):
                asyncio.run(SqliteJournal.open(tmp_path / "j.db", "r", lease_s=LEASE_S))
        refused.append(True)

    def in_a_thread(task: Task, context: TaskContext) -> None:
        rival = threading.Thread(target=block, args=(task, context))
        rival.start()
        rival.join()  # the loop stands meanwhile

    async with run(tmp_path, Notes(), ScriptedAgent("a", [in_a_thread]), lease_s=LEASE_S, blocked_after_s=0) as o:
        result = await (await o.submit("a please")).result()
    assert result.ok, result.error
    assert refused == [True]


SPINNING = """
import asyncio, os, sys
from orchestrator import Orchestrator, Settings, agent
from orchestrator.testing import FixedRouter

@agent("spinner", summary="spins", examples=["spin"])
async def spinner(payload, context):
    print("spinning", flush=True)
    while True:
        pass

async def main():
    settings = Settings(journal=sys.argv[1], lease_s=float(sys.argv[2]), log_format="json", blocked_after_s=0.1)
    async with Orchestrator(settings, agents=[spinner], router=FixedRouter(), run="r") as o:
        await (await o.submit("spinner")).result()

asyncio.run(main())
"""


async def test_a_process_that_spins_keeps_its_run_and_one_that_is_stopped_loses_it(tmp_path: Path) -> None:
    """The lease goes on while the process lives, whatever its loop does, and not a lease longer."""
    path = tmp_path / "j.db"
    child = subprocess.Popen(  # noqa: ASYNC220 - starting it blocks for a moment, and nobody waits
        [sys.executable, "-c", SPINNING, str(path), str(LEASE_S)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stderr is not None
        assert await asyncio.to_thread(child.stdout.readline) == "spinning\n"
        line = json.loads(await asyncio.to_thread(_blocked, child.stderr))
        assert (line["agent"], line["attempt"], line["level"]) == ("spinner", 1, "warning")
        with pytest.raises(RunOwnedError):
            await SqliteJournal.open(path, "r", lease_s=LEASE_S)
        os.kill(child.pid, signal.SIGSTOP)
        journal = await SqliteJournal.open(path, "r", lease_s=LEASE_S)
        assert journal.epoch == 2
        await journal.aclose()
    finally:
        child.kill()
        child.communicate()


def _blocked(stream: IO[str]) -> str:
    return next(line for line in stream if '"run.blocked"' in line)


async def test_a_run_that_wants_none_has_no_thread_for_it(tmp_path: Path) -> None:
    """A threshold of 0 turns it off; leaving a run that has one leaves no thread."""
    async with run(tmp_path, Notes(), ScriptedAgent("a"), blocked_after_s=0):
        assert not any(thread.name == "pulse" for thread in threading.enumerate())
    async with run(tmp_path / "other", Notes(), ScriptedAgent("a")):
        assert any(thread.name == "pulse" for thread in threading.enumerate())
    assert not any(thread.name == "pulse" for thread in threading.enumerate())
