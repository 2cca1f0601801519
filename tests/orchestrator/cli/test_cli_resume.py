"""`pointsman resume`, and what signals do to `pointsman run`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator import TaskContext, agent
from orchestrator.cli.signals import Interruption
from orchestrator.journal import JournalReader

Cli = Callable[..., tuple[int, str, str]]
Install = Callable[..., None]

PLAN = """\
plan: two steps
tasks:
  first: {request: balance the ledger}
  second: {request: sign the ledger, after: first}
"""


@pytest.fixture
def stopped(cli: Cli, folder: Path, install: Install) -> Cli:
    """Return the command line of a folder in which SIGTERM ended a run in its second task."""

    @agent("ledger-keeper", summary="Balances ledgers.", examples=["balance the ledger"])
    async def keeper(request: str) -> str:
        return request

    @agent("signer", summary="Signs ledgers.", examples=["sign the ledger"])
    async def hesitant(request: str) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(3600)
        return request

    @agent("signer", summary="Signs ledgers.", examples=["sign the ledger"])
    async def signer(request: str, context: TaskContext) -> int:
        return context.attempt

    install(keeper, hesitant)
    (folder / "two.plan.yaml").write_text(PLAN)
    (folder / "pointsman.yaml").write_text("drain_s: 0.1\n")
    code, out, _ = cli("run", "two.plan.yaml")
    assert code == 128 + signal.SIGTERM
    assert "1 of 2 tasks completed" in out
    assert "go on with: pointsman resume" in out
    install(keeper, signer)
    return cli


def rows(folder: Path) -> list[Any]:
    with JournalReader(folder / ".pointsman/journal.db") as reader:
        return [row.envelope for row in reader.rows()]


def test_a_run_that_was_stopped_goes_on_where_it_was(stopped: Cli, folder: Path) -> None:
    """What had ended is not done again; an attempt that a stop cut short is not counted."""
    code, out, _ = stopped("resume", "--json", "--accept", "signer")
    body = json.loads(out)
    assert (code, body["ok"]) == (0, True)
    assert [(r["task"], r["attempts"], r["output"]) for r in body["results"]] == [
        ("first", 1, "balance the ledger"),
        ("second", 1, 1),
    ]
    topics = [envelope.topic for envelope in rows(folder)]
    assert topics.count("run.started") == topics.count("run.resumed") == 1
    assert [envelope.body["epoch"] for envelope in rows(folder) if envelope.topic == "run.resumed"] == [2]


def test_a_run_may_be_named_and_resumed_for_people(stopped: Cli, folder: Path) -> None:
    """The table shows all tasks, those of the earlier process included."""
    run = json.loads(stopped("journal", "runs", "--json")[1])[0]["run"]
    code, out, _ = stopped("resume", run)
    assert code == 0
    assert "2 of 2 tasks completed" in out


def test_an_unknown_run_is_named_with_the_nearest(stopped: Cli) -> None:
    """As everywhere."""
    code, _, err = stopped("resume", "2026")
    assert code == 1
    assert "no run '2026'" in err


def test_without_a_journal_there_is_nothing_to_resume(cli: Cli) -> None:
    """And it says what makes one."""
    code, _, err = cli("resume")
    assert code == 1
    assert "there is no journal" in err


def test_a_missing_agent_is_refused_by_name(stopped: Cli, install: Install) -> None:
    """With what to do about it; nothing is written."""
    install()
    code, _, err = stopped("resume")
    assert code == 1
    assert "agent 'signer' is missing, and task 'second' went to it" in err


def test_a_workspace_that_is_not_there_is_refused(stopped: Cli) -> None:
    """As by `pointsman run`, before anything is written."""
    code, _, err = stopped("resume", "--workspace", "nowhere")
    assert code == 2
    assert "nowhere" in err


async def test_a_signal_before_the_work_begins_keeps_it_from_beginning() -> None:
    """As one does that comes while the run is being resumed."""
    begun = False

    async def work() -> None:
        nonlocal begun
        begun = True

    with Interruption() as interruption:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.01)
        await interruption.guard(work)
    assert (begun, interruption.number) == (False, signal.SIGTERM)


async def test_a_cancellation_from_elsewhere_passes() -> None:
    """Only a signal is swallowed here."""
    with Interruption() as interruption:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await interruption.guard(lambda: asyncio.sleep(3600))
        assert interruption.number == 0
