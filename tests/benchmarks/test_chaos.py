import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos.cast import Bank, expected_tasks, make_plan
from benchmarks.chaos.crash_points import CRASH_POINTS


def campaign(build: str, *more: str, kills: int = 10, tasks: int = 150) -> tuple[int, dict[str, Any]]:
    """Run a campaign in a process of its own: it forks, and this one may have threads."""
    command = [sys.executable, "-m", "benchmarks.chaos", "--kills", str(kills), "--tasks", str(tasks), "--json"]
    done = subprocess.run([*command, "--build", build, *more], capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)[0]


def test_nothing_is_lost_and_nothing_is_done_twice_under_kill_minus_9() -> None:
    """A short campaign; `make chaos` is the long one."""
    code, report = campaign("sound", kills=24)
    assert (report["lost"], report["twice"], report["faults"]) == (0, 0, [])
    assert report["kills"] >= 24
    assert report["runs"] >= 1
    assert report["tasks"] == report["runs"] * len(expected_tasks(150))
    assert code == 0


def test_sigterm_loses_nothing_and_burns_no_attempt() -> None:
    """Attempts that have begun may finish; what is cut short after all is not counted. `make sigterm` asks for more."""
    code, report = campaign("sound", "--sigterm", kills=8)
    assert (report["lost"], report["twice"], report["burnt"], report["faults"]) == (0, 0, 0, [])
    assert report["kills"] >= 8
    assert code == 0


@pytest.mark.parametrize(("build", "shown"), [("no-key", "twice"), ("receipt-first", "lost"), ("forgetful", "faults")])
def test_a_broken_build_is_found_out(build: str, shown: str) -> None:
    """The campaign can fail.

    Effects without a key are done twice, receipts before effects lose some, a run that forgets its receipts shows it.
    """
    code, report = campaign(build, kills=30)
    assert report[shown]
    assert code == 0, "a broken build is expected to fail"


def test_the_bank_books_once_a_key(tmp_path: Path) -> None:
    """And as often as it is asked without one."""
    bank = Bank(tmp_path / "ledger.db")
    bank.book("t1", "k")
    bank.book("t1", "k")
    bank.book("t2", None)
    bank.book("t2", None)
    assert bank.bookings() == {"t1": 1, "t2": 2}
    bank.close()


def test_a_plan_is_the_same_for_the_same_seed() -> None:
    """Each life of the process submits the same one."""
    assert make_plan(50, 3) == make_plan(50, 3)
    assert make_plan(50, 3) != make_plan(50, 4)
    assert {"t0/2", "t49"} <= expected_tasks(50)


def test_every_crash_point_is_a_place_in_the_product() -> None:
    """One that was renamed would never be come to."""
    import importlib

    for point in CRASH_POINTS.values():
        owner: Any = importlib.import_module(point.module)
        for part in point.name.split("."):
            owner = getattr(owner, part)
        assert callable(owner)
