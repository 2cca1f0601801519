"""The guide to scenario files: what it shows can be loaded and passes, and it names whatever a file may hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, get_args

import pytest

import scenarios
from orchestrator.messages import Envelope
from router import KeywordRouter
from scenarios.evidence import Evidence
from scenarios.expectation import NOT
from scenarios.expectations import judge
from scenarios.faults import AnyFault
from scenarios.history import History
from scenarios.json_schema import schema_of
from scenarios.loader import load_scenarios
from scenarios.report import describe
from scenarios.runner import run_scenario
from scenarios.scenario import BUILT_IN
from scenarios.vocabulary import types_of

GUIDE = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(scenario: .*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
OUTPUT = re.search(r"^\$ pointsman test .*\n✓ (.*)\n  (fault: .*)$", GUIDE, re.MULTILINE)


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.partition("\n")[0])
def test_what_the_guide_shows_passes(text: str, tmp_path: Path) -> None:
    """Every row of every example; the output below the first is what comes."""
    path = tmp_path / "shown.scenario.yaml"
    path.write_text(text, encoding="utf-8")
    for scenario in load_scenarios(path):
        result = run_scenario(scenario, agents=[], router=KeywordRouter)
        assert result.verdict == "passed", describe(result)
        if scenario.faults:
            assert OUTPUT is not None
            assert [line.strip() for line in describe(result).splitlines()] == [f"PASSED  {OUTPUT[1]}", OUTPUT[2]]


def test_the_type_that_the_guide_shows_is_one() -> None:
    """It is made as it stands, and judges."""
    (code,) = re.findall(r"^```python\n(class .*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"scenarios": scenarios, "Literal": Literal}
    exec(compile(code, "guide", "exec", dont_inherit=True), names)  # noqa: S102 - our own page
    rows = [Envelope("1", "task.completed", "a", "", 0.0, {"output": {"amount": amount}}) for amount in (5, -5)]
    balanced = names["Balanced"](type="balanced", account="c7")
    assert judge(balanced, Evidence(History(rows))).met
    outcome = judge(balanced, Evidence(History(rows[:1])))
    assert (outcome.met, outcome.happened) == (False, "they add up to 5")


def test_the_guide_names_all_types_faults_and_keys() -> None:
    """What is added has to be told."""
    assert len(EXAMPLES) == 3
    named = set(re.findall(r"`([a-z_-]+)`", GUIDE))
    assert {name for kind in BUILT_IN for name in types_of(kind) if not name.startswith(NOT)} <= named
    assert {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(get_args(AnyFault)[0])} <= named
    schema = schema_of("scenario")
    for part in (
        schema,
        *(schema["$defs"][name] for name in ("Given", "After", "StepEntry", "Behaviour", "Tolerance")),
    ):
        assert set(part["properties"]) <= named
