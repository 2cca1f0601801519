"""`pointsman feedback`, and what `why` and `decisions` show of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.journal import JournalReader

Cli = Callable[..., tuple[int, str, str]]
JOURNAL = ".pointsman/journal.db"


def test_a_thumb_goes_on_record_and_the_chain_holds(ran: Cli) -> None:
    """One line says what was said; the row bears the run that it is about."""
    code, out, _ = ran("feedback", "balance", "--wrong", "--should-be", "poet", "--note", "[red]rhymes[/red]")
    assert code == 0
    assert out.startswith("balance → ledger-keeper: wrong, should be poet ([red]rhymes[/red]); run ")
    with JournalReader(JOURNAL) as reader:
        (row,) = reader.rows(topics=("task.judged",))
        (run,) = reader.runs()
    assert (row.run, row.envelope.correlation_id) == (run.run, "balance")
    assert ran("journal", "verify")[0] == 0


def test_the_last_word_counts_and_both_stay(ran: Cli) -> None:
    """The list says which was replaced; `why` and `decisions` show the last."""
    ran("feedback", "balance", "--wrong")
    ran("feedback", "balance", "--right")
    said = json.loads(ran("feedback", "--list", "--json")[1])
    assert [(one["right"], one["stands"]) for one in said] == [(False, False), (True, True)]
    assert "replaced" in ran("feedback", "--list")[1]
    assert "judged                 right, said 2 times; the last counts" in ran("why", "balance")[1]
    assert json.loads(ran("why", "balance", "--json")[1])["judged"]["right"] is True
    assert "right" in next(line for line in ran("decisions")[1].splitlines() if " balance " in line)
    records = [json.loads(line) for line in ran("decisions", "--json")[1].splitlines()]
    assert {one["task"]: one.get("judged", {}).get("right") for one in records}["balance"] is True


def test_without_feedback_nothing_is_shown_of_it(ran: Cli) -> None:
    """No column, no key, and a note where it would be listed."""
    assert "said" not in ran("decisions")[1]
    assert "judged" not in ran("why", "balance", "--json")[1]
    code, out, err = ran("feedback", "--list")
    assert (code, out) == (0, "")
    assert "pointsman feedback TASK" in err
    assert ran("feedback", "--list", "--json")[1] == "[]\n"


def test_a_run_of_the_past_is_judged_by_its_name(ran: Cli) -> None:
    """The latest run that has the task where none is named; `why` still tells of the latest."""
    ran("run", "day.plan.yaml")
    first, second = (one["run"] for one in json.loads(ran("journal", "runs", "--json")[1]))
    assert second in ran("feedback", "balance", "--right")[1]
    assert first in ran("feedback", "balance", "--wrong", "--run", first)[1]
    assert json.loads(ran("why", "balance", "--json")[1])["run"] == second
    assert [one["run"] for one in json.loads(ran("feedback", "--list", "--json", "--run", first)[1])] == [first]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["balanse", "--right"], "did you mean 'balance'?"),
        (["balance", "--wrong", "--should-be", "poets"], "no agent 'poets' is registered; did you mean 'poet'?"),
        (["balance", "--right", "--should-be", "poet"], "right, and should be 'poet'"),
        (["strange", "--right"], "the router abstained; say who should have got it"),
        (["balance", "--right", "--run", "r"], "no run 'r'"),
    ],
)
def test_what_cannot_be_said_is_refused(ran: Cli, arguments: list[str], problem: str) -> None:
    """Exit code 1, and nothing is on record."""
    code, out, err = ran("feedback", *arguments)
    assert (code, out) == (1, "")
    assert problem in err
    assert json.loads(ran("feedback", "--list", "--json")[1]) == []


def test_a_pinned_task_is_judged_only_by_who_should_have_got_it(ran: Cli) -> None:
    """Its submitter chose; that is no choice of the router."""
    task = next(json.loads(line)["task"] for line in ran("decisions", "--json")[1].splitlines() if '"pinned"' in line)
    code, _, err = ran("feedback", task, "--right")
    assert code == 1
    assert "was pinned to 'ledger-keeper'" in err
    assert ran("feedback", task, "--wrong", "--should-be", "grump")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [[], ["balance"], ["--right"], ["balance", "--list"], ["--list", "--note", "x"], ["--data", "f", "--right"]],
    ids=" ".join,
)
def test_half_a_sentence_is_a_usage_error(ran: Cli, arguments: list[str]) -> None:
    """Exit code 2."""
    assert ran("feedback", *arguments)[0] == 2


def test_many_words_come_from_a_file(ran: Cli, folder: Path) -> None:
    """Who should have got each tells which went right; they are counted."""
    lines = [{"task": "balance", "should_be": "ledger-keeper"}, {"task": "strange", "should_be": "grump"}]
    (folder / "said.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert ran("feedback", "--data", "said.jsonl")[1] == "2 decisions judged: 1 right, 1 wrong, 1 with should-be\n"
    out = ran("feedback", "--data", "said.jsonl", "--json")[1]
    assert [(one["task"], one["right"]) for one in json.loads(out)] == [("balance", True), ("strange", False)]


def test_a_file_with_a_bad_word_changes_nothing(ran: Cli, folder: Path) -> None:
    """All or none: a bad line exits with 4, a word that cannot be said with 1."""
    good = '{"task": "balance", "right": true}\n'
    for bad, expected in (('{"task": "balance"}', 4), ('{"task": "nobody", "right": true}', 1)):
        (folder / "said.jsonl").write_text(good + bad)
        assert ran("feedback", "--data", "said.jsonl")[0] == expected
    assert json.loads(ran("feedback", "--list", "--json")[1]) == []
