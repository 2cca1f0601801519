"""One life of the process under test: it begins the run or resumes it, and goes on until it is done or killed."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.chaos.cast import RUN, Bank, Build, Clerk, make_plan
from benchmarks.chaos.crash_points import CRASH_POINTS, arm
from orchestrator.cli.signals import Interruption
from orchestrator.effects import Effects
from orchestrator.errors import JournalError
from orchestrator.journal import JournalReader
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter

_STOPPED: Final = 15


class Doom(NamedTuple):
    """How a life is to end: at a named crash point, or after some seconds; both empty for not at all.

    Attributes:
        point: name of a crash point.
        turn: it dies when it comes there for the n-th time.
        after_s: seconds from its beginning.
        politely: whether it is asked by SIGTERM then, and not killed.
    """

    point: str = ""
    turn: int = 1
    after_s: float = 0.0
    politely: bool = False


def journal_of(folder: Path) -> Path:
    """Return the file of the journal of a run."""
    return folder / "journal.db"


def bank_of(folder: Path) -> Path:
    """Return the file of the ledger, which is not the journal."""
    return folder / "ledger.db"


def live(folder: Path, tasks: int, seed: int, build: Build, doom: Doom) -> bool:
    """Fork a process that works on the run, kill it as it is doomed, and return whether it finished the run.

    A fork of this process, which has imported everything and runs no thread, begins in milliseconds.

    Raises:
        RuntimeError: if it ended of itself without finishing: that is a fault of the product; its last words say more.
    """
    child = os.fork()
    if child == 0:
        _be_the_child(folder, tasks, seed, build, doom)
    if doom.after_s:
        _kill_later(child, doom.after_s, signal.SIGTERM if doom.politely else signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGTERM):
        return False
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) in (0, _STOPPED):
        return os.WEXITSTATUS(status) == 0
    raise RuntimeError(f"the process ended with status {status}; {(folder / 'last-words').read_text()}")


def _kill_later(child: int, after_s: float, number: int) -> None:
    end = time.perf_counter() + after_s
    while (left := end - time.perf_counter()) > 0:
        time.sleep(min(left, 0.005))
        if _has_ended(child):
            return
    os.kill(child, number)


def _has_ended(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _be_the_child(folder: Path, tasks: int, seed: int, build: Build, doom: Doom) -> None:
    code = 1
    try:
        if doom.point:
            arm(CRASH_POINTS[doom.point], doom.turn)
        if build == "forgetful":
            setattr(Effects, "restore", lambda _self, _receipts: None)  # noqa: B010 - broken on purpose
        code = asyncio.run(_work(folder, tasks, seed, build))
    except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
        (folder / "last-words").write_text(traceback.format_exc())
    finally:
        sys.stdout.flush()
        os._exit(code)


async def _work(folder: Path, tasks: int, seed: int, build: Build) -> int:
    """Do what a command does with a run; return the exit code."""
    bank = Bank(bank_of(folder))
    settings = Settings(journal=journal_of(folder), log_format="off", drain_s=5, seed=seed)
    make = Orchestrator.resume if _has_begun(folder) else _begin
    with Interruption() as interruption:
        async with make(run=RUN, settings=settings, agents=[Clerk(bank, build)], router=FixedRouter()) as o:
            await interruption.guard(functools.partial(_see_to_its_end, o, make_plan(tasks, seed)))
            if interruption.number:
                o.hasten()
        bank.close()
        return _STOPPED if interruption.number else 0


async def _see_to_its_end(o: Orchestrator, plan: Plan) -> None:
    counts = o.statistics().graph
    if not (counts.waiting or counts.ready or counts.ended):  # it died before the plan was on record
        await o.submit_plan(plan)
    await o.results()


def _begin(*, run: str, settings: Settings, agents: list[object], router: FixedRouter) -> Orchestrator:
    return Orchestrator(settings, agents=agents, router=router, run=run)


def _has_begun(folder: Path) -> bool:
    if not journal_of(folder).exists():
        return False
    try:
        with JournalReader(journal_of(folder)) as reader:
            return any(True for _ in reader.rows(run=RUN))
    except JournalError:  # it died while it made the file: whoever opens it for writing says whether that is all
        return False
