import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.router import in_turns
from benchmarks.router.data import ROOT

SLEEPER = '''
import json, time
from pathlib import Path


class Idle:
    """Says nothing of a text, and takes so long over it as its folder says."""

    def load(self, folder):
        self.seconds = json.loads((Path(folder) / "seconds.json").read_text())

    def judge(self, texts):
        end = time.perf_counter() + self.seconds
        while time.perf_counter() < end:
            pass
'''


def task(folder: Path, seconds: float) -> dict[str, Any]:
    """Return the task of a contestant that takes so long over a request."""
    folder.mkdir()
    (folder / "seconds.json").write_text(json.dumps(seconds), "utf-8")
    return {"module": "idle_contestant", "name": "Idle", "folder": str(folder), "texts": ["a", "b", "c"]}


@pytest.fixture
def idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A contestant that other processes find."""
    (tmp_path / "idle_contestant.py").write_text(SLEEPER, "utf-8")
    (tmp_path / "benchmarks").symlink_to(ROOT / "benchmarks")
    monkeypatch.setattr(in_turns, "ROOT", tmp_path)
    return tmp_path


def test_twice_the_work_takes_twice_as_long(idle: Path) -> None:
    """The ratio is that of what both take, whatever the machine does meanwhile."""
    tasks = {"ours": task(idle / "ours", 0.002), "theirs": task(idle / "theirs", 0.001)}
    found = in_turns.compare(dict.fromkeys(tasks, sys.executable), tasks, 3)
    assert found["ratio"] == pytest.approx(2.0, rel=0.2)
    assert found["ours_us"] == pytest.approx(2000, rel=0.2)
    assert found["ratio_of_a_pass"] > 1


def test_a_contestant_that_cannot_serve_is_an_error(idle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What it said is there to be read."""
    tasks = {"ours": {**task(idle / "ours", 0.001), "name": "Nobody"}}
    with pytest.raises(RuntimeError, match="ended early"):
        in_turns.compare({"ours": sys.executable}, tasks, 1)
    assert "has no attribute 'Nobody'" in capfd.readouterr().err


@pytest.mark.parametrize(("ratio", "code"), [(2.0, 0), (2.1, 1)])
def test_the_check_fails_beyond_the_bar(ratio: float, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """50 µs where fastText takes 24.5 are 2.04 times as long; without the check nothing fails."""
    monkeypatch.setattr(in_turns, "measure", lambda *_: {"seeds": [], "ratio": ratio})
    assert in_turns.main(["--check"]) == code
    assert in_turns.main([]) == 0
