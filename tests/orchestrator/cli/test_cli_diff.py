"""`pointsman diff`: two runs beside each other, from the journal and from files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.journal import JournalReader

Cli = Callable[..., tuple[int, str, str]]


JOURNAL = Path(".pointsman/journal.db")
_MADE: list[bytes] = []


@pytest.fixture
def runs(cli: Cli) -> tuple[str, str]:
    """Run the same plan twice, once for all tests, and return the ids of both runs."""
    if _MADE:
        JOURNAL.parent.mkdir()
        JOURNAL.write_bytes(_MADE[0])
    else:
        for _ in range(2):
            cli("run", "day.plan.yaml")
        _MADE.append(JOURNAL.read_bytes())
    with JournalReader(JOURNAL) as reader:
        first, second = (one.run for one in reader.runs())
    return first, second


def export(cli: Cli, run: str, name: str, change: Callable[[list[Any]], None] = lambda _: None) -> str:
    """Write a run to a file, changed."""
    cli("journal", "export", "--run", run, "--out", name)
    rows = [json.loads(line) for line in Path(name).read_text(encoding="utf-8").splitlines()]
    change(rows)
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return name


def change_output(rows: list[Any]) -> None:
    """Let the ledger keeper return something else."""
    next(row for row in rows if row["topic"] == "task.completed" and row["task"] == "balance")["body"]["output"] = {
        "verdict": "[bold]fail[/bold]\x1b[31m"
    }


def test_two_runs_of_one_plan_are_the_same(cli: Cli, runs: tuple[str, str]) -> None:
    """Whatever they are called, and by what their names begin with."""
    first, second = runs
    code, out, err = cli("diff", first, second)
    assert (code, err) == (0, "")
    assert "the same" in out
    shortest = next(second[:at] for at in range(1, len(second) + 1) if not first.startswith(second[:at]))
    assert cli("diff", first, shortest)[0] == 0
    assert json.loads(cli("diff", first, second, "--json")[1])["same"] is True


def test_the_first_cause_is_shown_with_both_sides_its_lineage_and_its_source(cli: Cli, runs: tuple[str, str]) -> None:
    """From a file and the journal; what strangers wrote is inert; exit code 1."""
    first, second = runs
    name = export(cli, second, "actual.jsonl", change_output)
    code, out, _ = cli("diff", first, name)
    assert code == 1
    assert "1. payload: task.completed of balance" in out
    assert "/body/output/summary" in out
    assert '"pass"' in out
    assert "[bold]fail[/bold]" in out
    assert "\x1b" not in out
    assert "upstream  task.started of balance (row " in out
    assert "agent     ledger-keeper, " in out
    assert "conftest.py:" in out
    assert out.rstrip().endswith("1 first cause: 1 payload")


def test_json_has_all_of_it(cli: Cli, runs: tuple[str, str]) -> None:
    """Classes, pointers, both values, rows, lineage, source."""
    first, second = runs
    code, out, _ = cli("diff", first, export(cli, second, "actual.jsonl", change_output), "--json")
    found = json.loads(out)
    assert (code, found["same"], found["counts"]) == (1, False, {"payload": 1})
    (told,) = found["divergences"]
    assert (told["class"], told["task"], told["topic"]) == ("payload", "balance", "task.completed")
    assert {"pointer": "/body/output/verdict", "recorded": "pass", "actual": "[bold]fail[/bold]\x1b[31m"} in told[
        "changes"
    ]
    assert told["recorded"]["row"] > told["upstream"][0]["row"] > 0
    assert told["source"]["file"].endswith("conftest.py")


def test_an_agent_that_is_not_installed_has_no_source_and_that_is_said(
    cli: Cli, runs: tuple[str, str], install: Callable[..., None]
) -> None:
    """On the machine of somebody who was sent two files."""
    first, second = runs
    files = export(cli, first, "recorded.jsonl"), export(cli, second, "actual.jsonl", change_output)
    install()
    code, out, _ = cli("diff", *files)
    assert code == 1
    assert "ledger-keeper, source unavailable: not installed here" in out
    assert json.loads(cli("diff", *files, "--json")[1])["divergences"][0]["source"] == {
        "unavailable": "not installed here"
    }


def test_times_count_where_it_is_asked_for(cli: Cli, runs: tuple[str, str]) -> None:
    """Two runs are never equally fast."""
    first, second = runs
    assert cli("diff", first, second, "--timing", "3600")[0] == 0
    code, out, _ = cli("diff", first, second, "--timing", "0")
    assert code == 1
    assert "timing" in out


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_is_no_run_is_a_usage_error(cli: Cli, runs: tuple[str, str], order: tuple[int, int]) -> None:
    """Exit code 2, for 1 means that they differ; with a suggestion."""
    names = (runs[0], "2O26")
    code, _, err = cli("diff", *(names[at] for at in order))
    assert code == 2
    assert "'2O26' is no file, and no run in" in err


def test_the_beginning_of_two_runs_is_a_usage_error(cli: Cli, runs: tuple[str, str]) -> None:
    """It says which they are."""
    code, _, err = cli("diff", runs[0][:4], runs[1])
    assert code == 2
    assert "is the beginning of 2 runs" in err
    assert runs[0] in err


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (b"", "bad.jsonl: its first line is empty"),
        (b"\n", "bad.jsonl: its first line is empty"),
        (b"no JSON\n", "bad.jsonl:1:1: it is no row of a journal"),
        (b"[1]\n", "bad.jsonl:1:1: it is no row of a journal: a list"),
        (
            b'{"at":1,"body":{},"cause":"","id":"1","run":"r","task":""}\n',
            "bad.jsonl:1:1: it is no row of a journal: 't",
        ),
    ],
)
def test_a_file_that_is_no_run_is_refused_by_line(cli: Cli, runs: tuple[str, str], text: bytes, where: str) -> None:
    """Exit code 4, as for other documents."""
    Path("bad.jsonl").write_bytes(text)
    for names in (("bad.jsonl", runs[0]), (runs[0], "bad.jsonl")):
        code, _, err = cli("diff", *names)
        assert code == 4
        assert where in err


def test_a_file_of_two_runs_is_refused(cli: Cli, runs: tuple[str, str]) -> None:
    """It says which line is of another run, and how to export one."""
    cli("journal", "export", "--out", "all.jsonl")
    code, _, err = cli("diff", "all.jsonl", runs[0])
    assert code == 4
    assert "all.jsonl:" in err
    assert f"it is of run '{runs[1]}', not of '{runs[0]}'" in err
    assert "pointsman journal export --run ID" in err


def test_what_people_said_of_a_decision_is_no_difference(cli: Cli, runs: tuple[str, str]) -> None:
    """It is about the run and no part of it."""
    first, second = runs
    assert cli("feedback", "rhyme", "--right", "--run", first)[0] == 0
    assert cli("diff", first, second)[0] == 0
