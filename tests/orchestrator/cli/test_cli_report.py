"""`pointsman report`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.orchestrator.cli.conftest import Cli


def test_the_latest_run_becomes_a_page(ran: Cli) -> None:
    """Without an argument; the file is named."""
    code, out, err = ran("report")
    assert (code, out) == (0, "")
    assert "report.html: written" in err
    page = Path("report.html").read_text(encoding="utf-8")
    assert "2 of 4 tasks did not complete" in page or "did not complete" in page
    assert 'id="data-r0-tasks"' in page


def test_the_data_is_to_be_had_as_json(ran: Cli) -> None:
    """Then no page is written unless it is asked for."""
    code, out, _ = ran("report", "--json")
    (told,) = json.loads(out)["runs"]
    assert code == 0
    assert told["tasks"]["completed"] >= 2
    assert {one["agent"] for one in told["agents"]} >= {"poet", "ledger-keeper"}
    assert not Path("report.html").exists()


def test_an_exported_run_is_read_from_its_file(ran: Cli) -> None:
    """As `journal export` writes it; what it cannot say, what was measured, is missing."""
    ran("journal", "export", "--out", "run.jsonl")
    code, out, _ = ran("report", "run.jsonl", "--json")
    assert code == 0
    (told,) = json.loads(out)["runs"]
    assert told["source"] == "run.jsonl"
    assert all(one["p50_s"] is None for one in told["agents"])


def test_two_runs_are_compared(ran: Cli) -> None:
    """The first causes stand in the page."""
    ran("run", "day.plan.yaml")
    _, out, _ = ran("journal", "runs", "--json")
    first, second = (one["run"] for one in json.loads(out))
    code, _, _ = ran("report", second, "--against", first, "-o", "both.html")
    assert code == 0
    page = Path("both.html").read_text(encoding="utf-8")
    assert f"Nothing differs from {first}" in page or f"It differs from {first}" in page
    _, out, _ = ran("report", first, second, "--json")
    assert [one["run"] for one in json.loads(out)["runs"]] == [first, second]


def test_a_run_that_is_not_there_is_refused(ran: Cli) -> None:
    """With what it may have been; a row of a file that is none is named by its line."""
    code, _, err = ran("report", "nineteen")
    assert code == 2
    assert "is no file, and no run" in err
    ran("journal", "export", "--out", "run.jsonl")
    text = Path("run.jsonl").read_text()
    Path("run.jsonl").write_text(text + '{"at":1}\n')
    code, _, err = ran("report", "run.jsonl")
    assert code == 4
    assert f"run.jsonl:{len(text.splitlines()) + 1}:1" in err


def test_there_is_nothing_to_tell_without_a_run(cli: Cli) -> None:
    """It says what to do."""
    code, _, err = cli("report")
    assert code == 1
    assert "there is no journal" in err
