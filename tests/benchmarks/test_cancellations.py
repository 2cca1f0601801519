from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cancellations import leftovers
from benchmarks.cancellations.campaign import Extent, Found, campaign
from benchmarks.cancellations.leftovers import Leftovers
from orchestrator.isolated_process import IsolatedProcess
from orchestrator.isolation import Isolation
from orchestrator.journal import SqliteJournal

ONE_WAVE = Extent(cancellations=1, in_sqlite=1.0, isolated=0.0, goes_on=False)


def test_hundreds_of_cancellations_of_runs_callers_and_agents_leave_nothing(tmp_path: Path) -> None:
    """No asyncio.Task, thread, descriptor, process, slot or lock; ten runs and ten requests succeed after it."""
    found = campaign(tmp_path, Extent(cancellations=100, isolated=0.0), seed=4)
    assert not found.problems()
    assert {"runs", "callers", "agents", "blocks left"} == set(found.cancelled)


def test_a_child_that_is_not_killed_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign can fail: here neither a stopped run nor a cancelled attempt kills its process."""
    left: list[Isolation] = []
    real, kill = Isolation.close, IsolatedProcess.kill
    monkeypatch.setattr(Isolation, "close", _keeps(left))
    monkeypatch.setattr(IsolatedProcess, "kill", lambda _self: None)
    found = _impatiently(tmp_path, monkeypatch, Extent(cancellations=1, in_sqlite=0.0, isolated=1.0, goes_on=False))
    monkeypatch.setattr(IsolatedProcess, "kill", kill)
    for isolation in left:
        real(isolation)
    assert found.left.processes
    assert found.left.threads


def test_a_journal_that_is_not_closed_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here its thread ends, and its connection and its run are kept."""
    left: list[SqliteJournal] = []
    real = SqliteJournal._end
    monkeypatch.setattr(SqliteJournal, "_end", _keeps(left))
    found = _impatiently(tmp_path, monkeypatch, ONE_WAVE)
    for journal in left:
        real(journal)
    assert found.left.descriptors
    assert found.left.locks


def test_what_is_wrong_is_said() -> None:
    """What is left, what nobody heard of, and what no longer works."""
    assert len(Found(left=Leftovers(slots=1), unheard=["x"], good=10, answered=9).problems()) == 3
    assert not Found(good=10, answered=10).problems()


def _keeps(left: list[Any]) -> Callable[[Any], None]:
    """Return a method that does nothing but to note whose it is."""

    def keep(self: Any) -> None:
        left.append(self)

    return keep


def _impatiently(folder: Path, monkeypatch: pytest.MonkeyPatch, extent: Extent) -> Found:
    monkeypatch.setattr(leftovers, "PATIENCE_S", 0.1)
    return campaign(folder, extent, seed=1)
