"""Instructions are counted as a difference, the bar can fail, and a machine without the counter is told so."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks import instructions
from benchmarks.work import TINY


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Path]]:
    """Stand in for Valgrind: a start of a million instructions, then so many a graph of the checkout."""
    calls: list[tuple[list[str], Path]] = []

    def run(command: list[str], *, cwd: Path, **_: Any) -> "subprocess.CompletedProcess[str]":
        calls.append((command, cwd))
        a_task = 90 if cwd.name == "before" else 100
        tasks = TINY.count("graph") * int(command[-1])
        return subprocess.CompletedProcess(command, 0, "", f"==1== I   refs:      {1_000_000 + a_task * tasks:,}\n")

    monkeypatch.setattr("shutil.which", lambda _: "valgrind")
    monkeypatch.setattr("subprocess.run", run)
    return calls


@pytest.mark.usefixtures("counted")
def test_start_and_imports_cancel_out(capsys: pytest.CaptureFixture[str]) -> None:
    """What a task takes is the difference of two processes, by the tasks of the further graphs."""
    assert instructions.main(["--quick"]) == 0
    assert "100 instructions a task" in capsys.readouterr().out


def test_more_than_before_is_an_exit_code_only_with_check(
    counted: list[tuple[list[str], Path]], tmp_path: Path
) -> None:
    """Ten per cent more than the other checkout, which is counted in its own folder, is too much."""
    before = tmp_path / "before"
    before.mkdir()
    assert instructions.main(["--quick", "--before", str(before)]) == 0
    assert instructions.main(["--quick", "--before", str(before), "--check"]) == 1
    assert {folder.name for _, folder in counted} == {before.name, Path(instructions.__file__).parents[1].name}


def test_without_the_counter_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """No figure is made up where Valgrind is missing."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert instructions.main([]) == 2
    assert "valgrind is not installed" in capsys.readouterr().err


def test_the_work_that_is_counted_is_done() -> None:
    """The process that is counted runs the graph with everything on: a graph that fails is refused a figure there."""
    assert instructions.main(["--quick", "--run", "full", "1"]) == 0
