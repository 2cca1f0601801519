"""Golden runs: a scenario is held against a run of before; only what is selected is written, and never in CI."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli import main
from orchestrator.errors import PointsmanError
from router import KeywordRouter
from scenarios.builds import refuse_in_build
from scenarios.golden import Golden, review, update
from scenarios.loader import load_scenarios
from scenarios.runner import ScenarioResult, run_scenario

Cli = Callable[..., tuple[int, str]]

TEXT = """\
scenario: form <form>
tags: [<form>]
seed: 7
given:
  scripted:
    - agent: clerk
      summary: Stamps forms.
      examples: [Stamp the form]
      policy: {timeout_s: TIMEOUT}
      behaviour: {takes_s: 1, returns: {form: <form>, stamped: STAMPED}}
when:
  - submit: {id: a, request: Stamp the form}
then:
  - {type: completed, task: a}
  - {type: matches-golden, file: golden/<form>.jsonl, tolerate: {TOLERATE}}
examples: [{form: one}, {form: two}, {form: three}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a scenario of three rows, each with a golden run of its own."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    assert [update(one) for one in look(tmp_path)] == [True] * 3
    return tmp_path


def write(folder: Path, stamped: str = "true", tolerate: str = "", timeout_s: int = 60) -> None:
    """Write the scenario."""
    text = TEXT.replace("STAMPED", stamped).replace("TOLERATE", tolerate).replace("TIMEOUT", str(timeout_s))
    (folder / "forms.scenario.yaml").write_text(text, encoding="utf-8")


def play(folder: Path) -> list[ScenarioResult]:
    """Play its rows."""
    scenarios = load_scenarios(folder / "forms.scenario.yaml")
    return [run_scenario(scenario, agents=[], router=KeywordRouter) for scenario in scenarios]


def look(folder: Path) -> list[Golden]:
    """Return what would become of the golden runs."""
    return review(play(folder))


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return what is in the golden files, and when each was written."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (folder / "golden").iterdir()}


def test_a_run_as_before_matches(folder: Path) -> None:
    """And an update touches no file."""
    before = contents(folder)
    assert {result.verdict for result in play(folder)} == {"passed"}
    assert [one.state for one in look(folder)] == ["same"] * 3
    assert not any(update(one) for one in look(folder))
    assert contents(folder) == before


def test_what_differs_is_named_by_its_first_cause(folder: Path) -> None:
    """Class, row and place in it, with both values; nothing is written by looking."""
    write(folder, stamped="false")
    before = contents(folder)
    result = play(folder)[0]
    assert result.verdict == "failed"
    assert "payload: task.completed of a (row " in result.outcomes[1].happened
    assert "/body/output/stamped was True and is False" in result.outcomes[1].happened
    assert [one.state for one in look(folder)] == ["changed"] * 3
    assert contents(folder) == before


def test_what_is_tolerated_is_let_pass(folder: Path) -> None:
    """By class; the environment always, unless the classes are given without it."""
    write(folder, stamped="false", tolerate="classes: payload")
    assert "it is the same but for 1 tolerated differences" in play(folder)[0].outcomes[1].happened
    assert [one.state for one in look(folder)] == ["same"] * 3
    write(folder, tolerate="time_s: 0.5, scores: 0.001")
    assert {result.verdict for result in play(folder)} == {"passed"}
    text = (folder / "forms.scenario.yaml").read_text().replace("takes_s: 1", "takes_s: 3")
    (folder / "forms.scenario.yaml").write_text(text)
    assert "timing: " in play(folder)[0].outcomes[1].happened
    write(folder, timeout_s=30)
    assert "it is the same but for 1 tolerated differences" in play(folder)[0].outcomes[1].happened
    write(folder, tolerate="classes: []", timeout_s=30)
    assert "environment: registry.agent_registered" in play(folder)[0].outcomes[1].happened


def test_without_a_golden_run_there_is_no_verdict_in_either_form(folder: Path) -> None:
    """It is missed, and says how to make one."""
    (folder / "golden" / "one.jsonl").unlink()
    assert "there is no golden run 'golden/one.jsonl' yet" in play(folder)[0].outcomes[1].happened
    assert look(folder)[0].state == "new"
    text = (folder / "forms.scenario.yaml").read_text().replace("matches-golden", "not-matches-golden")
    (folder / "forms.scenario.yaml").write_text(text)
    assert [result.verdict for result in play(folder)] == ["failed", "failed", "failed"]
    assert look(folder) == []


def test_a_run_that_fails_otherwise_is_no_golden_one(folder: Path) -> None:
    """What is expected beside the golden run comes first."""
    text = (folder / "forms.scenario.yaml").read_text().replace("type: completed", "type: failed")
    (folder / "forms.scenario.yaml").write_text(text.replace("stamped: true", "stamped: false"))
    (one, *_) = look(folder)
    assert one.state == "refused"
    assert one.about.startswith('expected failed task="a"')
    assert not update(one)


def test_a_damaged_golden_run_is_missed_and_may_be_replaced(folder: Path) -> None:
    """It says where the damage is."""
    path = folder / "golden" / "two.jsonl"
    path.write_text("no JSON\n", encoding="utf-8")
    assert "it is no row of a journal" in play(folder)[1].outcomes[1].happened
    assert [one.state for one in look(folder)] == ["same", "changed", "same"]


def test_scenarios_that_share_a_file_are_refused(folder: Path) -> None:
    """Each would undo the other."""
    text = (folder / "forms.scenario.yaml").read_text().replace("golden/<form>.jsonl", "golden/all.jsonl")
    (folder / "forms.scenario.yaml").write_text(text)
    with pytest.raises(
        PointsmanError, match="'form one \\[1\\]' and 'form two \\[2\\]' share it; name a file for each"
    ):
        look(folder)


# -- the commands ------------------------------------------------------------------------------------------------------


@pytest.fixture
def cli(folder: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Return a function that runs `pointsman golden`; nothing of the session is left to an installed router."""

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["golden", *arguments])
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    assert run("update", ".")[0] == 0  # with the router that the commands take
    return run


def test_updating_one_of_three_leaves_two_byte_identical(folder: Path, cli: Cli) -> None:
    """Selected by a part of its title, or by a tag; review first says what would change, and changes nothing."""
    write(folder, stamped="false")
    before = contents(folder)
    code, out = cli("review", "forms.scenario.yaml::form two")
    assert code == 1
    assert "~ golden/two.jsonl would be replaced: payload: task.completed of a" in out
    assert "/body/output/stamped" in out
    assert "one.jsonl" not in out
    assert contents(folder) == before
    code, out = cli("update", ".", "--tag", "two")
    assert (code, out.split(":")[0]) == (0, "~ golden/two.jsonl replaced")
    after = contents(folder)
    assert {name for name in after if after[name] != before[name]} == {"two.jsonl"}
    assert cli("review", "forms.scenario.yaml::form two")[0] == 0
    assert json.loads(cli("review", ".", "--json")[1])["goldens"][0]["state"] == "changed"


def test_an_update_is_refused_in_ci(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that writes what it is held against shows nothing; it is refused before anything is played."""
    write(folder, stamped="false")
    before = contents(folder)
    monkeypatch.setenv("CI", "true")
    assert main(["golden", "update", "."]) == 1
    assert contents(folder) == before
    with pytest.raises(PointsmanError, match="CI is set, and so it is"):
        refuse_in_build({"CI": "1"}, "so it is")
    for unset in ({}, {"CI": ""}, {"CI": "false"}, {"CI": "0"}):
        refuse_in_build(unset, "so it is")


def test_nothing_selected_and_broken_files_have_codes_of_their_own(folder: Path, cli: Cli) -> None:
    """As `pointsman test` has: 5 and 4."""
    assert cli("review", ".", "--tag", "four")[0] == 5
    (folder / "broken.scenario.yaml").write_text("scenario: x\n", encoding="utf-8")
    assert cli("update", ".")[0] == 4


def test_a_golden_run_has_a_profile_of_redaction_of_its_own(folder: Path) -> None:
    """It is written and compared without its secrets; one for another is seen where it matters."""

    def look_at(*stamped: str) -> set[str]:
        write(folder, stamped=f"[{', '.join(stamped)}]")
        path = folder / "forms.scenario.yaml"
        path.write_text(path.read_text().replace(".jsonl,", ".jsonl, profile: own.yaml,"), encoding="utf-8")
        return {one.state for one in look(folder)}

    (folder / "own.yaml").write_text("extends: none\npatterns: [{name: form, pattern: 'KD-[0-9]{4}'}]\n")
    assert look_at("KD-1111", "KD-2222", "KD-1111") == {"changed"}
    assert all(map(update, look(folder)))
    golden = (folder / "golden" / "one.jsonl").read_text()
    assert '"stamped":["[form:000000000001]","[form:000000000002]","[form:000000000001]"]' in golden
    assert "KD-" not in golden
    for same in (("KD-1111", "KD-2222", "KD-1111"), ("KD-3333", "KD-1111", "KD-3333")):
        assert look_at(*same) == {"same"}
    assert look_at("KD-1111", "KD-2222", "KD-2222") == {"changed"}


def test_what_a_golden_runs_own_profile_takes_out_is_not_taken_for_what_the_scenario_did(folder: Path) -> None:
    """Two secrets are two, whoever numbered them, also if both call their rule the same."""
    (folder / "own.yaml").write_text("extends: none\npatterns: [{name: email, pattern: 'KD-[0-9]{4}'}]\n")
    write(folder, stamped="[ann@example.org, KD-1111]")
    path = folder / "forms.scenario.yaml"
    text = path.read_text().replace(".jsonl,", ".jsonl, profile: own.yaml,")
    path.write_text(f"redact: default\n{text}", encoding="utf-8")
    assert update(look(folder)[0])
    assert '"stamped":["[email:000000000001]","[email:000000000002]"]' in (folder / "golden" / "one.jsonl").read_text()
