"""The suite: what came of scenarios stands before what happened in their runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from orchestrator.errors import DocumentError
from scenarios import collect, run_scenario
from scenarios.html.parts import NOTHING
from scenarios.html.suite import MOST_TOLD, make_suite_report
from scenarios.runner import ScenarioResult
from scenarios.series import Series, Try

SCENARIO = """\
scenario: {title}
given:
  scripted: [{{agent: teller, summary: Tells., examples: [tell me], behaviour: {{returns: 1}}}}]
when:
  - submit: {{id: t, request: tell me, agent: teller}}
then:
  - {{type: completed, task: t, attempts: {attempts}}}
"""
BROKEN = DocumentError("uat/odd.scenario.yaml", 3, 1, "unknown key 'givn'", "did you mean 'given'?")


def played(folder: Path, title: str, attempts: int = 1) -> ScenarioResult:
    """Return what came of a scenario that passes with one attempt."""
    (folder / "x.scenario.yaml").write_text(SCENARIO.format(title=title, attempts=attempts), encoding="utf-8")
    return run_scenario(collect([folder / "x.scenario.yaml"]).scenarios[0], agents=[])


def some(folder: Path) -> list[ScenarioResult]:
    """Return one that passed, one that failed, and one that is flaky."""
    good, bad = played(folder, "it is told"), played(folder, "<b>told</b> twice", 2)
    shaky = dataclasses.replace(good, series=Series(3, 4, 2, Try(7), Try(7)))
    return [good, bad, shaky]


def page_of(*results: ScenarioResult, broken: tuple[DocumentError, ...] = ()) -> str:
    return b"".join(make_suite_report(results, broken)).decode()


def test_every_scenario_is_listed_with_its_verdict_and_leads_to_its_run(tmp_path: Path) -> None:
    """Those that did not pass are told first; a title is text, whatever is in it."""
    page = page_of(*some(tmp_path), broken=(BROKEN,))
    assert "✗ 1 passed, 1 flaky, 1 failed, 1 broken." in page
    assert '<a href="#r0">&lt;b&gt;told&lt;/b&gt; twice</a></th><td>failed</td><td class="n">0 of 1</td>' in page
    assert '<a href="#r2">it is told</a></th><td>passed</td><td class="n">1 of 1</td>' in page
    for at in range(3):
        assert f'<article id="r{at}"' in page


def test_what_was_missed_is_told(tmp_path: Path) -> None:
    """What was expected and what happened, and what is wrong with a file."""
    page = page_of(*some(tmp_path), broken=(BROKEN,))
    assert "expected completed task=&quot;t&quot; attempts=2" in page
    assert "uat/odd.scenario.yaml:3:1: unknown key" in page
    assert 'id="missed"' not in page_of(some(tmp_path)[0])


def test_what_ran_more_than_once_says_how_surely_it_passes(tmp_path: Path) -> None:
    """pass^k of its runs, and the options that repeat the one that failed."""
    page = page_of(*some(tmp_path))
    row = '<td>flaky</td><td class="n">3 of 4</td><td class="n">2</td><td class="n">0.75</td><td class="n">0.50</td>'
    assert row + f'<td class="n">{NOTHING}</td><td>pointsman test ' in page
    assert "-k &#x27;it is told&#x27; --seed 7</td>" in page
    assert 'id="flakiness"' not in page_of(some(tmp_path)[0])


def test_all_that_passed_are_said_to_be_good(tmp_path: Path) -> None:
    """And none at all is no success."""
    assert '<p class="verdict good">✓ 1 passed.</p>' in page_of(some(tmp_path)[0])
    assert '<p class="verdict bad">✗ no scenario was collected.</p>' in page_of()


def test_of_a_large_suite_the_worst_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are listed, and the page says that their runs are not in it."""
    monkeypatch.setattr("scenarios.html.suite.MOST_TOLD", 1)
    assert MOST_TOLD > 1
    good, bad, _ = some(tmp_path)
    page = page_of(good, bad, good)
    assert page.count("<article") == 1
    assert '<a href="#r0">&lt;b&gt;told&lt;/b&gt; twice</a>' in page
    assert "The runs of 1 more are not told here" in page_of(good, bad)
