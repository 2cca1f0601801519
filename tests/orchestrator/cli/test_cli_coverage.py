"""`pointsman coverage`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., tuple[int, str, str]]

GOOD = """\
scenario: the ledger is balanced
given: {agents: all}
when:
  - submit: {id: t, request: balance the ledger}
  - submit: {id: p, request: write a poem, after: t}
then:
  - {type: routed, task: t, to: ledger-keeper}
"""


@pytest.fixture
def uat(folder: Path) -> Path:
    """Return a folder with one scenario."""
    made = folder / "uat"
    made.mkdir()
    (made / "good.scenario.yaml").write_text(GOOD)
    return made


@pytest.mark.usefixtures("uat")
def test_what_was_not_exercised_is_listed_by_name(cli: Cli) -> None:
    """A table of counts, and one of names."""
    code, out, err = cli("coverage", "uat")
    assert (code, err) == (0, "")
    plain = [" ".join(line.split()) for line in out.splitlines()]
    assert "agents 2 3 67" in plain
    assert "edges 1 1 100" in plain or "edges 2 2 100" in plain
    assert "agents grump" in plain
    assert "routes router → grump" in plain
    assert any(line.startswith("outcomes near tie, ") for line in plain)
    assert "faults error, delay, slow, drop, duplicate, reorder, crash at grump" in plain
    assert "1 run" in plain


@pytest.mark.usefixtures("uat")
def test_below_the_bar_it_exits_with_1(cli: Cli) -> None:
    """Of what is counted; at the bar it does not."""
    code, _, err = cli("coverage", "uat", "--fail-under", "67", "--of", "agents")
    assert code == 1
    assert "66.7 % is below 67 %" in err
    assert cli("coverage", "uat", "--fail-under", "66", "--of", "agents")[0] == 0


@pytest.mark.usefixtures("uat")
def test_json_has_counts_and_names(cli: Cli) -> None:
    """One object, and nothing else."""
    code, out, err = cli("coverage", "uat", "--json", "--of", "agents", "--of", "endings", "--fail-under", "90")
    assert (code, err) == (1, "")
    body = json.loads(out)
    assert (body["ok"], body["runs"], body["broken"], body["not_passed"]) == (False, 1, [], [])
    assert list(body["dimensions"]) == ["agents", "endings"]
    assert body["dimensions"]["agents"]["missing"] == ["grump"]
    assert body["dimensions"]["agents"]["total"] == 3


def test_rows_on_record_are_read_instead_of_run(cli: Cli, uat: Path) -> None:
    """The journals that `pointsman test --journal` writes: the same coverage."""
    cli("test", "uat", "--journal", "rows")
    ran = json.loads(cli("coverage", "uat", "--json")[1])
    read = json.loads(cli("coverage", "rows/good.jsonl", "--json")[1])
    assert read["dimensions"] == ran["dimensions"]
    (uat.parent / "rows/good.jsonl").write_bytes(b"{}\n")
    code, _, err = cli("coverage", "rows/good.jsonl")
    assert code == 4
    assert "good.jsonl:1:1: no row of a journal" in err
    assert cli("coverage", "nowhere.jsonl")[0] == 4


def test_scenarios_that_do_not_pass_are_named_and_count(cli: Cli, uat: Path) -> None:
    """What they exercised, they exercised."""
    (uat / "bad.scenario.yaml").write_text(
        GOOD.replace("to: ledger-keeper", "to: poet").replace("is balanced", "is not")
    )
    code, _, err = cli("coverage", "uat")
    assert code == 0
    assert "did not pass: the ledger is not" in err


def test_a_broken_file_is_refused_with_4(cli: Cli, uat: Path) -> None:
    """It is named, with its line; the others are counted."""
    (uat / "broken.scenario.yaml").write_text("scenario: [")
    code, out, err = cli("coverage", "uat")
    assert code == 4
    assert "broken: uat/broken.scenario.yaml:1" in err
    assert "1 run" in out


def test_nothing_to_run_is_no_coverage(cli: Cli, folder: Path) -> None:
    """Exit code 5, as pytest has it."""
    (folder / "empty").mkdir()
    code, _, err = cli("coverage", "empty")
    assert code == 5
    assert "no scenario was collected" in err


@pytest.mark.usefixtures("uat")
def test_a_dimension_that_is_none_is_a_usage_error(cli: Cli) -> None:
    """With the nearest."""
    code, _, err = cli("coverage", "uat", "--of", "agnets")
    assert code == 2
    assert "agents" in err
