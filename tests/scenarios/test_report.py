"""Report: text, JUnit XML and exit codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from orchestrator.errors import DocumentError
from scenarios.expectations import Outcome
from scenarios.given import Given
from scenarios.report import ExitCode, exit_code, misses, summary, to_junit, to_text
from scenarios.runner import ScenarioResult
from scenarios.scenario import Scenario
from scenarios.then import Completed

SCENARIO = Scenario(name="made", path=Path("a.scenario.yaml"), row=0, tags=(), seed=0, given=Given(), when=(), then=())
EXPECTATION = Completed(type="completed", task="a")
PASSED = ScenarioResult(
    SCENARIO, "passed", (Outcome(EXPECTATION, met=True, expected="x", happened="x"),), duration_s=1.5
)
HOSTILE = '</failure> ]]> & " \x00\x1b[31m \ud800 \ufffe é'
MISSED = Outcome(EXPECTATION, met=False, expected=HOSTILE, happened="it failed")
FAILED = ScenarioResult(
    replace(SCENARIO, name=HOSTILE, row=2), "failed", (PASSED.outcomes[0], MISSED, MISSED), duration_s=2
)
ERROR = ScenarioResult(replace(SCENARIO, path=Path("b.scenario.yaml")), "error", error="git: not found")
BROKEN = DocumentError("c.scenario.yaml", 3, 4, "unknown key 'x'", "known: y")


@pytest.mark.parametrize(
    ("results", "broken", "code"),
    [
        ([PASSED], [], 0),
        ([PASSED, FAILED], [], 1),
        ([PASSED, ERROR], [], 1),
        ([PASSED], [BROKEN], 4),
        ([], [BROKEN], 4),
        ([], [], 5),
    ],
)
def test_exit_code_is_the_one_of_pytest(results: list[ScenarioResult], broken: list[DocumentError], code: int) -> None:
    """A broken file counts more than a failure, and nothing collected is no success."""
    assert exit_code(results, broken) == code
    assert {int(code) for code in ExitCode} == {0, 1, 2, 3, 4, 5}


def test_text_names_each_scenario_and_what_was_missed() -> None:
    """A line for each scenario, each miss below it, the counts at the end."""
    text = to_text([PASSED, ERROR, replace(FAILED, scenario=SCENARIO, outcomes=(MISSED,))], [BROKEN])
    assert text.splitlines() == [
        "BROKEN  c.scenario.yaml:3:4: unknown key 'x'; known: y",
        "PASSED  made (1 expectations, 1.5 s of virtual time)",
        "ERROR   made (0 expectations, 0 s of virtual time)",
        "        b.scenario.yaml: git: not found",
        "FAILED  made (1 expectations, 2 s of virtual time)",
        f"        a.scenario.yaml: expected {HOSTILE}; what happened: it failed",
        "1 passed, 1 failed, 1 in error, 1 broken",
    ]
    assert summary([]) == "no scenario was collected"
    assert misses(PASSED) == []


def test_junit_has_a_case_for_each_scenario_whatever_it_says() -> None:
    """The XML is well-formed for hostile text, and tells failures from errors."""
    root = ET.fromstring(to_junit([PASSED, FAILED, ERROR], [BROKEN]).encode())  # noqa: S314 - we wrote it
    assert root.attrib == {"name": "pointsman", "tests": "4", "failures": "1", "errors": "2"}
    suites = {suite.get("name"): suite for suite in root}
    assert suites["a.scenario.yaml"].attrib == {
        "name": "a.scenario.yaml",
        "tests": "2",
        "failures": "1",
        "errors": "0",
        "skipped": "0",
        "time": "3.5",
    }
    names = [case.get("name") for case in root.iter("testcase")]
    assert names == ["made", '</failure> ]]> & " \\x00\\x1b[31m \\xd800 \\xfffe é [2]', "made", "load"]
    failure = next(root.iter("failure"))
    assert (failure.text or "").count("what happened: it failed") == 2
    errors = [(error.get("type"), error.get("message")) for error in root.iter("error")]
    assert errors == [
        ("scenario", "b.scenario.yaml: git: not found"),
        ("DocumentError", "c.scenario.yaml:3:4: unknown key 'x'; known: y"),
    ]


def test_junit_of_nothing_is_well_formed() -> None:
    """No scenario gives an empty report, not a broken one."""
    root = ET.fromstring(to_junit([]).encode())  # noqa: S314 - we wrote it
    assert root.get("tests") == "0"
