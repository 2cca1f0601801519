"""`pointsman whatif`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import router

Cli = Callable[..., tuple[int, str, str]]
BUNDLED = Path(router.__file__).parent / "bundled" / "router.npz"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the journal of the one run is kept that all tests look at."""
    return tmp_path_factory.mktemp("kept") / ".pointsman"


@pytest.fixture
def run(cli: Cli, folder: Path, kept: Path) -> str:
    """Return the id of a run whose journal is there to look at: made once, and copied."""
    if not kept.exists():
        cli("run", "day.plan.yaml")
        shutil.copytree(folder / ".pointsman", kept)
    shutil.copytree(kept, folder / ".pointsman", dirs_exist_ok=True)
    return str(json.loads(cli("journal", "runs", "--json")[1])[0]["run"])


def test_nothing_supposed_recomputes_every_decision(cli: Cli, run: str) -> None:
    """Exit code 0 where all follow from their records."""
    code, out, err = cli("whatif", run)
    assert (code, err) == (0, "")
    assert f"3 of 3 decisions of {run} follow from their records" in out
    assert "the confidence of 3 of them" in out
    assert "without the router, 1 more" in out


def test_decisions_that_do_not_add_up_exit_with_1(cli: Cli, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is named, and what of it does not follow; the same as JSON."""
    monkeypatch.setattr("router.again.disagreements", lambda *_: ["margin: 1 on record, 2 by the scores"])
    code, out, _ = cli("whatif", run)
    assert code == 1
    assert "0 of 3 decisions" in out
    assert ": margin: 1 on record, 2 by the scores" in out
    code, out, _ = cli("whatif", run, "--json")
    assert code == 1
    assert json.loads(out)["ok"] is False
    assert len(json.loads(out)["faults"]) == 3


def test_a_threshold_shows_what_changes_and_what_follows(cli: Cli, run: str) -> None:
    """A table for people; what the records do not say goes to stderr."""
    code, out, err = cli("whatif", run, "--threshold", "1")
    assert code == 0
    assert f"4 decisions of {run}: 2 would go to nobody" in out
    assert "nobody: below-threshold" in out
    assert "ends as failed, unbegun: balance would not complete" in out
    assert "mind: vetoes are those of the run" in err
    out = cli("whatif", run, "--threshold", "0.5")[1]
    assert "none would change" in out


def test_json_has_both_sides_and_what_was_supposed(cli: Cli, run: str) -> None:
    """One object, and nothing else."""
    code, out, err = cli("whatif", run, "--without", "ledger-keeper", "--json")
    assert (code, err) == (0, "")
    body = json.loads(out)
    assert body["supposed"] == {"threshold": None, "model": None, "without": ["ledger-keeper"]}
    answers = {answer["task"]: answer for answer in body["answers"]}
    assert answers["balance"]["before"]["chosen"] == "ledger-keeper"
    assert answers["balance"]["after"]["chosen"] != "ledger-keeper"
    assert "fails" in {answer["kind"] for answer in answers.values()}  # what the poet pinned to it


def test_an_agent_that_the_run_did_not_have_is_a_usage_error(cli: Cli, run: str) -> None:
    """With the nearest that it had."""
    code, _, err = cli("whatif", run, "--without", "poett")
    assert code == 2
    assert "poet" in err


def test_a_run_that_is_not_there_is_named(cli: Cli, run: str) -> None:
    """Exit code 1, and the nearest."""
    code, _, err = cli("whatif", run[:-1], "--threshold", "0.4")
    assert code == 1
    assert run in err


def test_long_lists_are_cut_and_say_so(cli: Cli, run: str) -> None:
    """The first so many; the rest is in --json. What was pinned to an agent that is not there fails."""
    out = cli("whatif", run, "--without", "ledger-keeper", "--limit", "1")[1]
    assert "and 1 more, see --limit and --json" in out
    assert "fails: no agent ledger-keeper" in cli("whatif", run, "--without", "ledger-keeper")[1]


def test_another_model_is_asked_about_the_same_requests(cli: Cli, run: str, tmp_path: Path) -> None:
    """It knows the agents by their installed cards; one that is damaged is refused with 4."""
    code, out, _ = cli("whatif", run, "--model", str(BUNDLED), "--threshold", "0", "--json")
    assert code == 0
    changed = [answer for answer in json.loads(out)["answers"] if answer["task"] == "strange"]
    assert changed[0]["after"]["chosen"] in ("grump", "ledger-keeper", "poet")
    damaged = tmp_path / "other.npz"
    damaged.write_bytes(b"no model")
    assert cli("whatif", run, "--model", str(damaged))[0] == 4


@pytest.mark.usefixtures("bundled")
def test_the_same_model_decides_the_same(cli: Cli) -> None:
    """Asked again about everything, nothing changes."""
    cli("run", "day.plan.yaml")
    run = json.loads(cli("journal", "runs", "--json")[1])[0]["run"]
    assert "none would change" in cli("whatif", run, "--model", str(BUNDLED))[1]
