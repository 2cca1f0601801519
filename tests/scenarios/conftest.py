"""What the tests of scenarios share: writing a scenario, and playing it without installed agents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from router import KeywordRouter
from scenarios.loader import load_scenarios
from scenarios.runner import ScenarioResult, run_scenario
from scenarios.scenario import Scenario

HEAD = """\
scenario: made for a test
given:
  scripted:
    - agent: clerk
      summary: Stamps forms.
      examples: [Stamp the form]
      behaviour: {takes_s: 1, returns: {stamped: true}}
"""
WHEN = """\
when:
  - submit: {id: a, request: Stamp the form}
"""
THEN = """\
then:
  - {type: completed, task: a}
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], list[Scenario]]:
    """Return a function that loads scenarios from text."""

    def load_text(text: str) -> list[Scenario]:
        path = tmp_path / "made.scenario.yaml"
        path.write_text(text, encoding="utf-8")
        return load_scenarios(path)

    return load_text


@pytest.fixture
def play(load: Callable[[str], list[Scenario]]) -> Callable[[str], ScenarioResult]:
    """Return a function that plays the first scenario of a text with the keyword router."""
    return lambda text: run_scenario(load(text)[0], agents=[], router=KeywordRouter)
