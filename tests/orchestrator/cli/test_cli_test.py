"""`pointsman test`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

Cli = Callable[..., tuple[int, str, str]]

GOOD = """\
scenario: the ledger is balanced
tags: [books]
given: {agents: all}
when:
  - submit: {id: t, request: balance the ledger}
then:
  - {type: routed, task: t, to: ledger-keeper}
"""
BAD = GOOD.replace("the ledger is balanced", "the poet keeps the books [red]").replace("to: ledger-keeper", "to: poet")
OUTLINE = """\
scenario: <who> gets it
given: {agents: all}
when:
  - submit: {id: t, request: "<what>"}
then:
  - {type: routed, task: t, to: "<who>"}
examples:
  - {what: balance the ledger, who: ledger-keeper}
  - {what: write a poem, who: poet}
"""


@pytest.fixture
def uat(folder: Path) -> Path:
    """Return a folder of scenarios, all of which hold."""
    made = folder / "uat"
    made.mkdir()
    (made / "good.scenario.yaml").write_text(GOOD)
    (made / "outline.scenario.yaml").write_text(OUTLINE)
    return made


@pytest.mark.usefixtures("uat")
def test_scenarios_that_hold_exit_with_0(cli: Cli) -> None:
    """A line each, and a summary."""
    code, out, err = cli("test", "uat")
    assert (code, err) == (0, "")
    assert "✓ the ledger is balanced (1 expectations" in out
    assert "✓ poet gets it [2]" in out
    assert "3 passed" in out


def test_a_scenario_that_fails_exits_with_1_and_says_what_happened(cli: Cli, uat: Path) -> None:
    """Expected and happened, below the scenario."""
    (uat / "bad.scenario.yaml").write_text(BAD)
    code, out, _ = cli("test", "uat")
    assert code == 1
    assert "✗ the poet keeps the books [red]" in out
    assert 'expected routed task="t" to="poet"; what happened:' in out.replace("\n", " ")
    assert "1 failed" in out


def test_a_page_tells_of_scenarios_and_of_their_runs(cli: Cli, uat: Path, folder: Path) -> None:
    """One file, whatever came of them."""
    (uat / "bad.scenario.yaml").write_text(BAD)
    assert cli("test", "uat", "--html", "report.html")[0] == 1
    page = (folder / "report.html").read_text()
    assert "✗ 3 passed, 1 failed." in page
    assert page.count("<article") == 4


def test_a_broken_file_exits_with_4_and_its_place(cli: Cli, uat: Path) -> None:
    """The others are played all the same."""
    (uat / "broken.scenario.yaml").write_text(GOOD.replace("given:", "givn:"))
    code, out, _ = cli("test", "uat")
    assert code == 4
    assert "broken.scenario.yaml:3:1: unknown key 'givn'" in out
    assert "3 passed, 1 broken" in out


def test_nothing_found_exits_with_5(cli: Cli, uat: Path) -> None:
    """As in pytest: nothing tested is no success."""
    code, out, _ = cli("test", "uat", "-k", "nowhere")
    assert code == 5
    assert "3 deselected" in out


@pytest.mark.parametrize(
    ("filters", "titles"),
    [
        (["-k", "LEDGER IS"], ["the ledger is balanced"]),
        (["--tag", "books"], ["the ledger is balanced"]),
        (["--tag", "not books"], ["ledger-keeper gets it [1]", "poet gets it [2]"]),
    ],
)
@pytest.mark.usefixtures("uat")
def test_names_and_tags_choose(cli: Cli, filters: list[str], titles: list[str]) -> None:
    """The rest is counted as deselected."""
    body = json.loads(cli("test", "uat", *filters, "--json")[1])
    assert [one["title"] for one in body["scenarios"]] == titles
    assert body["deselected"] == 3 - len(titles)


def test_json_holds_every_expectation_and_broken_file(cli: Cli, uat: Path) -> None:
    """Met or not, expected, happened."""
    (uat / "broken.scenario.yaml").write_text("scenario: x\n")
    code, out, _ = cli("test", "uat", "--json")
    body = json.loads(out)
    assert (code, body["ok"]) == (4, False)
    assert body["scenarios"][0]["expectations"][0]["met"] is True
    assert body["broken"][0]["line"] == 1


def test_junit_is_written(cli: Cli, uat: Path, folder: Path) -> None:
    """For CI: failures and cases."""
    (uat / "bad.scenario.yaml").write_text(BAD)
    assert cli("test", "uat", "--junit", "report.xml")[0] == 1
    root = ET.fromstring((folder / "report.xml").read_text())  # noqa: S314 - we wrote it
    assert (root.get("tests"), root.get("failures")) == ("4", "1")


def test_journals_are_written_and_repeat_byte_for_byte(cli: Cli, uat: Path, folder: Path) -> None:
    """One file a scenario; the seed that is given is the one that is used."""
    (uat / "deep").mkdir()
    (uat / "deep" / "good.scenario.yaml").write_text(GOOD)
    cli("test", "uat", "--journal", "one", "--seed", "5")
    cli("test", "uat", "--journal", "two", "--seed", "5")
    names = sorted(path.name for path in (folder / "one").iterdir())
    assert names == ["good-again-2.jsonl", "good.jsonl", "outline-1.jsonl", "outline-2.jsonl"]
    for name in names:
        assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes()
    assert '"seed":5' in (folder / "one" / "good.jsonl").read_text()


def test_a_file_that_is_not_there_exits_with_4(cli: Cli) -> None:
    """With its name."""
    code, out, _ = cli("test", "nowhere.scenario.yaml")
    assert code == 4
    assert "nowhere.scenario.yaml: no such file" in out


@pytest.mark.usefixtures("uat")
def test_a_router_can_be_put_to_the_test(cli: Cli) -> None:
    """A model that is none makes every scenario an error."""
    code, out, _ = cli("test", "uat", "--router", "nowhere.npz", "-k", "balanced")
    assert code == 1
    assert "! the ledger is balanced" in out
    assert "nowhere.npz: does not exist" in out


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("bundled")
def test_without_paths_the_library_is_played(cli: Cli) -> None:
    """The scenarios that ship with the package are found."""
    _, out, _ = cli("test", "--tag", "no-such-tag", "--json")
    assert json.loads(out)["deselected"] > 10


@pytest.mark.parametrize("mode", ["once", "new", "all"])
def test_a_build_records_nothing(cli: Cli, uat: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before anything is played; what is played only is no recording."""
    monkeypatch.setenv("CI", "true")
    code, out, err = cli("test", str(uat), "--record", mode)
    assert (code, out) == (1, "")
    assert f"CI is set, and a build records nothing (--record {mode})" in err
    assert cli("test", str(uat), "--record", "none")[0] == 0
