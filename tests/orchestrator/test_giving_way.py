import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator import giving_way
from orchestrator.giving_way import give_way


@pytest.fixture
def child() -> Iterator[int]:
    """A process that waits."""
    process = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_process_that_gives_way_is_nicer_and_takes_long_stretches(child: int) -> None:
    """Ten nicer than we are; and, where the kernel knows stretches, whoever wakes up goes before it."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    give_way(child)
    assert os.getpriority(os.PRIO_PROCESS, child) == min(before + 10, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
    assert os.sched_getscheduler(child) == os.SCHED_OTHER
    facts = Path(f"/proc/{child}/sched")
    release = tuple(map(int, os.uname().release.split(".")[:2]))
    if release >= (6, 12) and facts.exists() and os.uname().machine in giving_way._SET_ATTRIBUTES:
        [stretch] = [line for line in facts.read_text(encoding="ascii").splitlines() if line.startswith("se.slice")]
        assert stretch.split()[-1] == "100000000"


def test_a_machine_whose_call_is_not_known_has_niceness_all_the_same(
    child: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a courtesy: nothing fails where there is less of it."""
    monkeypatch.setattr("platform.machine", lambda: "unheard-of")
    give_way(child)
    assert os.getpriority(os.PRIO_PROCESS, child) == min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)


def test_a_process_that_is_gone_is_no_error() -> None:
    """It may end at any moment."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    give_way(process.pid)
