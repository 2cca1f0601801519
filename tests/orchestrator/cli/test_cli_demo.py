"""`pointsman demo`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli import demo
from router.bundled_model import BUNDLED

Cli = Callable[..., tuple[int, str, str]]

HISTORY = b"""\
commit refs/heads/main
committer A <a@example.com> 1767603600 +0000
data 5
first
M 644 inline ledger.txt
data 3
1+1
"""


@pytest.fixture
def library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the demo be a small one."""
    if shutil.which("git") is None:
        pytest.skip("the demo needs git")
    inputs = folder / "library" / "inputs" / "release"
    inputs.mkdir(parents=True)
    (inputs / "history.fast-import").write_bytes(HISTORY)
    plan = (folder / "day.plan.yaml").read_text().replace("zzz qqq", "balance it")
    (folder / "library" / "release.plan.yaml").write_text(plan)
    monkeypatch.setattr(demo, "_library", lambda: folder / "library")
    return folder / "library"


@pytest.mark.usefixtures("library")
def test_the_demo_runs_explains_and_says_what_next(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything fits 80 columns but the lines that tell what happens."""
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = cli("demo")
    assert (code, err) == (0, "")
    for expected in (
        "✓ balance → ledger-keeper",
        "The closest call: pointsman why",
        "What each word adds",
        "On record: .pointsman/journal.db",
        "pointsman train --data",
    ):
        assert expected in out
    told = out.partition("The closest call")[2]
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.usefixtures("library")
def test_its_inputs_are_copied_with_a_git_repository(cli: Cli, folder: Path) -> None:
    """A second demo begins with fresh copies."""
    cli("demo")
    copied = folder / demo.FOLDER / "repository" / "ledger.txt"
    assert copied.read_text() == "1+1"
    copied.write_text("changed")
    cli("demo")
    assert copied.read_text() == "1+1"


@pytest.mark.usefixtures("library")
def test_the_demo_as_json(cli: Cli) -> None:
    """The same object as `run --json`."""
    code, out, _ = cli("demo", "--json")
    assert code == 0
    assert [result["task"] for result in json.loads(out)["results"]][:2] == ["balance", "rhyme"]


def test_a_demo_whose_task_fails_exits_with_1(cli: Cli, library: Path) -> None:
    """With nothing learned there is nothing to explain."""
    (library / "release.plan.yaml").write_text("plan: p\ntasks:\n  t: {request: sweep, agent: grump}\n")
    code, out, _ = cli("demo")
    assert code == 1
    assert "The closest call" not in out
    assert "Try next" in out


@pytest.mark.usefixtures("bundled")
def test_the_real_demo_completes(cli: Cli) -> None:
    """Bundled router, bundled agents, bundled plan: every task completes and everybody has something to do."""
    pytest.importorskip("sqlglot")
    if not (BUNDLED / "router.npz").is_file():
        pytest.skip("the bundled router has not been trained yet: make router")
    code, out, _ = cli("demo", "--json")
    body = json.loads(out)
    assert code == 0, [result for result in body["results"] if result["status"] != "completed"]
    assert len({result["agent"] for result in body["results"]}) == 6
    assert cli("agents", "check")[0] == 0
    assert cli("doctor")[0] == 0
