import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.clock import SystemClock
from orchestrator.errors import JournalError, RunOwnedError
from orchestrator.journal import JournalReader, SqliteJournal
from orchestrator.journal.claim import Claim, release
from orchestrator.journal.ownership import read_owner
from orchestrator.messages import Envelope
from orchestrator.testing import until_blocked

HOUR = 3600.0
LEASE = 100.0

OTHER = """
import asyncio, os, signal, sys
from orchestrator.errors import StaleOwnerError
from orchestrator.journal import SqliteJournal
from orchestrator.messages import Envelope

async def write(journal, n):
    journal.append(Envelope(f"{journal.epoch}.{n}", "task.x", "t", "", 1.0, {"n": n}))
    try:
        await journal.sync()
    except StaleOwnerError:
        return 0
    return 1

async def main(path, how, lease_s):
    journal = await SqliteJournal.open(path, "r", lease_s=float(lease_s), durability="os-crash-may-lose")
    await write(journal, 0)
    if how == "in a transaction":
        journal._connection.execute("BEGIN IMMEDIATE")
    with journal._turn:
        os.kill(os.getpid(), signal.SIGSTOP)
    async with asyncio.TaskGroup() as group:
        written = [group.create_task(write(journal, n)) for n in range(1, 65)]
    print(sum(task.result() for task in written), "accepted")
    try:
        journal.append(Envelope("x", "task.x", "t", "", 1.0, {}))
    except StaleOwnerError as error:
        print(error)

asyncio.run(main(*sys.argv[1:]))
"""


def stopped(path: Path, how: str = "idle", lease_s: float = LEASE) -> "subprocess.Popen[str]":
    """Start another owner of the run, which writes one row and stops itself."""
    child = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(path), how, str(lease_s)], stdout=subprocess.PIPE, text=True
    )
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    return child


class FakeClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A journal in which this very process, which lives, owns the run `r` and never beats."""
    path = tmp_path / "j.db"
    first = Claim(path, "r", "os-crash-may-lose", LEASE)
    first.attempt()
    yield path
    first.connection.close()


def claim(path: Path, clock: FakeClock, lease_s: float = LEASE) -> Claim:
    return Claim(path, "r", "os-crash-may-lose", lease_s, now=clock)


def beat(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE owners SET beat = beat + 1")
    connection.commit()
    connection.close()


def test_a_run_is_taken_over_once_its_owner_has_shown_no_beat_for_a_lease(path: Path, clock: FakeClock) -> None:
    """The time is that of the observer; a beat within it starts the lease anew."""
    second = claim(path, clock)
    for advance in (0.0, LEASE - 1):
        clock.now += advance
        with pytest.raises(RunOwnedError, match=rf"run 'r' belongs to process {os.getpid()} on .* \(epoch 1\)"):
            second.attempt()
    beat(path)
    for _ in range(2):
        clock.now += LEASE - 1
        with pytest.raises(RunOwnedError):
            second.attempt()
    clock.now += 1
    second.attempt()
    assert second.hold.epoch == 2
    second.undo()


def test_the_longer_of_two_leases_counts(path: Path, clock: FakeClock) -> None:
    """An impatient observer does not take a run from an owner that has promised to beat more rarely."""
    second = claim(path, clock, lease_s=1.0)
    for now in (0.0, 2.0, LEASE - 1):
        clock.now = now
        with pytest.raises(RunOwnedError):
            second.attempt()
    clock.now = LEASE
    second.attempt()
    second.undo()


@pytest.mark.parametrize("shift", [HOUR, -HOUR])
def test_a_wall_clock_moved_by_an_hour_changes_nothing(
    path: Path, clock: FakeClock, shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither does it make an owner look dead, nor one that is dead look alive."""
    second = claim(path, clock)
    with pytest.raises(RunOwnedError):
        second.attempt()
    wall = SystemClock().now()
    monkeypatch.setattr(time, "time", lambda: wall + shift)
    with pytest.raises(RunOwnedError):
        second.attempt()
    clock.now = LEASE
    second.attempt()
    assert second.hold.epoch == 2
    second.undo()


def test_of_two_observers_one_takes_the_run(path: Path, clock: FakeClock) -> None:
    """The second finds another owner than it has watched, and begins to watch that one."""
    observers = [claim(path, clock) for _ in range(2)]
    for observer in observers:
        with pytest.raises(RunOwnedError):
            observer.attempt()
    clock.now = LEASE
    observers[0].attempt()
    with pytest.raises(RunOwnedError, match="epoch 2"):
        observers[1].attempt()
    for observer in observers:
        observer.undo()


def test_who_comes_between_looking_and_taking_is_seen(path: Path, clock: FakeClock) -> None:
    """The owner is read again under the write lock."""
    second = claim(path, clock)
    with pytest.raises(RunOwnedError):
        second.attempt()
    seen = read_owner(second.connection, "r")
    beat(path)
    with pytest.raises(RunOwnedError):
        second._take_over(seen, LEASE)
    second.undo()


@pytest.mark.parametrize("lease_s", [0.0, -1.0, float("nan")])
def test_a_lease_that_is_none_is_refused(path: Path, clock: FakeClock, lease_s: float) -> None:
    """It would make every owner look dead."""
    with pytest.raises(JournalError, match="give more than 0"):
        claim(path, clock, lease_s=lease_s)


def test_letting_go_of_what_cannot_be_written_is_no_error(path: Path, clock: FakeClock) -> None:
    """The next owner will find this one gone, or silent."""
    second = claim(path, clock)
    with pytest.raises(RunOwnedError):
        second.attempt()
    clock.now = LEASE
    second.attempt()
    second.connection.close()
    with pytest.raises(sqlite3.ProgrammingError):
        second.connection.execute("SELECT 1")
    release(second.connection, second.hold)


async def test_who_waits_is_refused_as_soon_as_the_owner_is_seen_to_live(tmp_path: Path) -> None:
    """Opening waits to know, not for the owner to end; the loop runs meanwhile."""
    owner = SqliteJournal(tmp_path / "j.db", "r", lease_s=0.3)
    with pytest.raises(RunOwnedError):
        SqliteJournal(owner.path, "r", lease_s=0.3)
    with pytest.raises(RunOwnedError):
        await SqliteJournal.open(owner.path, "r", lease_s=1000.0)
    await owner.aclose()


async def test_who_waits_gets_the_run_that_its_owner_lets_go_of(tmp_path: Path) -> None:
    """At once, without waiting for the lease, and with the next epoch."""
    owner = SqliteJournal(tmp_path / "j.db", "r")
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(SqliteJournal.open(owner.path, "r", wait_s=60.0))
        group.create_task(owner.aclose())
    journal = opening.result()
    assert (owner.epoch, journal.epoch) == (1, 2)
    await journal.aclose()


async def test_who_waits_in_vain_is_told_when_the_time_is_over(tmp_path: Path) -> None:
    """A bound on waiting is kept."""
    owner = SqliteJournal(tmp_path / "j.db", "r")
    with pytest.raises(RunOwnedError):
        await SqliteJournal.open(owner.path, "r", wait_s=0.0)
    await owner.aclose()


async def test_who_is_cancelled_while_waiting_has_taken_nothing(tmp_path: Path) -> None:
    """Neither the run nor a connection is left behind."""
    owner = SqliteJournal(tmp_path / "j.db", "r")
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(SqliteJournal.open(owner.path, "r", wait_s=1000.0))
        await asyncio.to_thread(lambda: None)
        opening.cancel()
    await owner.aclose()
    free = SqliteJournal(owner.path, "r")
    assert free.epoch == 2
    await free.aclose()


async def test_who_is_cancelled_twice_while_a_file_is_opened_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is closed by one thread only after the other is done with it: else the process might end."""
    opened, go = threading.Event(), threading.Event()
    real = Claim._take

    def take(self: Claim) -> int:
        opened.set()
        assert go.wait(60)
        return real(self)

    monkeypatch.setattr(Claim, "_take", take)
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(SqliteJournal.open(tmp_path / "j.db", "r"))
        await asyncio.to_thread(opened.wait)
        for _ in range(3):
            opening.cancel()
            await until_blocked()
        assert not opening.done()
        go.set()
    assert opening.cancelled()
    free = SqliteJournal(tmp_path / "j.db", "r")
    assert free.epoch == 2, "what it took it gave back"
    await free.aclose()


async def test_a_run_of_a_killed_process_is_taken_at_once(tmp_path: Path) -> None:
    """Its number, time of start and boot say that it is gone: nobody waits for its lease."""
    path = tmp_path / "j.db"
    child = stopped(path)
    with pytest.raises(RunOwnedError, match=f"process {child.pid}"):
        SqliteJournal(path, "r", lease_s=LEASE)
    child.kill()
    await asyncio.to_thread(os.waitid, os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    journal = SqliteJournal(path, "r", lease_s=LEASE)
    assert journal.epoch == 2
    await journal.aclose()
    child.communicate()


async def test_an_owner_stopped_for_three_leases_and_continued_writes_nothing_more(
    tmp_path: Path, clock: FakeClock
) -> None:
    """0 rows are accepted from the stale epoch, every one who waits hears why, and the chain is whole."""
    path = tmp_path / "j.db"
    child = stopped(path)
    second = claim(path, clock)
    with pytest.raises(RunOwnedError):
        second.attempt()
    clock.now = 3 * LEASE
    second.attempt()
    journal = SqliteJournal(path, "r", claim=second)
    journal.append(Envelope("2.0", "task.x", "t", "", 1.0 - HOUR, {}))
    await journal.sync()
    os.kill(child.pid, signal.SIGCONT)
    said, _ = await asyncio.to_thread(child.communicate)
    journal.append(Envelope("2.1", "task.x", "t", "", 1.0 + HOUR, {}))
    await journal.aclose()
    assert said.startswith("0 accepted")
    assert f"run 'r' was taken over from epoch 1 by process {os.getpid()}" in said
    with JournalReader(path) as reader:
        assert [row.envelope.id for row in reader.rows()] == ["1.0", "2.0", "2.1"]
        assert reader.verify().rows == 3


def test_an_owner_stopped_within_a_transaction_keeps_the_run(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the file's lock: nobody can write, so nobody takes the run; once it is killed, the next one can."""
    monkeypatch.setattr("orchestrator.journal.claim.PATIENCE_MS", 1)
    path = tmp_path / "j.db"
    child = stopped(path, "in a transaction")
    second = claim(path, clock)
    with pytest.raises(RunOwnedError):
        second.attempt()
    clock.now = 3 * LEASE
    with pytest.raises(RunOwnedError, match="a process that has locked the file"):
        second.attempt()
    child.kill()
    child.communicate()
    second.attempt()
    assert second.hold.epoch == 2
    second.undo()


async def test_who_opens_the_run_of_a_stopped_owner_gets_it_after_a_lease(tmp_path: Path) -> None:
    """The same in real time, three times over: each is taken for dead in its turn, and none of them comes back."""
    path = tmp_path / "j.db"
    children = [await asyncio.to_thread(stopped, path, "idle", 0.2) for _ in range(3)]
    journal = await SqliteJournal.open(path, "r", lease_s=0.2)
    assert journal.epoch == 4
    for child in children:
        os.kill(child.pid, signal.SIGCONT)
        said, _ = await asyncio.to_thread(child.communicate)
        assert said.startswith("0 accepted")
    journal.append(Envelope("4.0", "task.x", "t", "", 1.0, {}))
    await journal.aclose()
    with JournalReader(path) as reader:
        assert [row.envelope.id for row in reader.rows()] == ["1.0", "2.0", "3.0", "4.0"]
        assert reader.verify().rows == 4
