"""Vocabulary and states: types of expectation and providers of states that plugins bring."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType
from typing import Literal

import pytest

from orchestrator.errors import DocumentError
from router import KeywordRouter
from scenarios import Evidence, Expectation, ScenarioResult, run_scenario
from scenarios.expectation import Check
from scenarios.json_schema import schema_of
from scenarios.loader import load_scenarios
from scenarios.scenario import ScenarioEntry
from scenarios.states import StateError, json_files, known_providers, take_states
from scenarios.vocabulary import scenario_model
from tests.scenarios.texts import CLERK

Play = Callable[[str], ScenarioResult]


class Punctual(Expectation):
    """A task ended on a full second."""

    type: Literal["punctual", "not-punctual"]
    task: str
    grace_s: float = 0.0

    def check(self, evidence: Evidence) -> Check:
        """Look at when it ended."""
        seconds = evidence.history.tasks[self.task].seconds
        return seconds % 1 <= self.grace_s, f"it took {seconds:g} s"


class Misnamed(Expectation):
    """Its type is another than its entry point says; and it cannot be judged, for it has no `check`."""

    type: Literal["late", "not-late"]


def till(workspace: Path) -> dict[str, object]:
    """Return the state of a system under test: what stands in its file."""
    return {"files": sorted(path.name for path in workspace.iterdir()), "open": True}


def broken(workspace: Path) -> None:
    """Raise."""
    raise RuntimeError(f"no till in {workspace.name}")


POINTS = {
    ("pointsman.expectations", "punctual"): "Punctual",
    ("pointsman.expectations", "early"): "Misnamed",
    ("pointsman.expectations", "late"): "Misnamed",
    ("pointsman.expectations", "gone"): "NotThere",
    ("pointsman.expectations", "mere"): "till",
    ("pointsman.expectations", "routed"): "Punctual",
    ("pointsman.states", "till"): "till",
    ("pointsman.states", "broken-till"): "broken",
}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a distribution be installed that brings all these."""
    module = ModuleType("a_plugin")
    for name in ("Punctual", "Misnamed", "till", "broken"):
        setattr(module, name, globals()[name])
    monkeypatch.setitem(sys.modules, "a_plugin", module)

    def entry_points(*, group: str) -> EntryPoints:
        return EntryPoints(
            EntryPoint(name, f"a_plugin:{value}", group) for (of, name), value in POINTS.items() if of == group
        )

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    scenario_model.cache_clear()
    yield
    scenario_model.cache_clear()


def written(folder: Path, expectation: str) -> Path:
    """Write a scenario that expects this."""
    path = folder / "made.scenario.yaml"
    path.write_text(CLERK + f"  - {{{expectation}}}\n", encoding="utf-8")
    return path


def played(folder: Path, expectation: str) -> tuple[bool, str]:
    """Play it; return whether that was met, and the message."""
    (scenario,) = load_scenarios(written(folder, expectation))
    result = run_scenario(scenario, agents=[], router=KeywordRouter)
    assert result.error == ""
    return result.outcomes[-1].met, result.outcomes[-1].message


def test_a_plugin_brings_a_type_with_keys_of_its_own(tmp_path: Path) -> None:
    """It is judged as ours are, in both forms."""
    assert played(tmp_path, "type: punctual, task: a")[0]
    met, message = played(tmp_path, "type: not-punctual, task: a, grace_s: 0.5")
    assert not met
    assert message == 'expected not-punctual task="a" grace_s=0.5; what happened: it took 1 s'


@pytest.mark.parametrize(
    ("expectation", "problem"),
    [
        ("type: punctual", "key 'task' is missing"),
        ("type: punctual, task: aa", "no step submits a task 'aa'"),
        ("type: punctual, task: a, grace: 1", "unknown key 'grace'; did you mean 'grace_s'?"),
        ("type: puntcual, task: a", "unknown type 'puntcual'; did you mean 'punctual'?"),
        ("type: early", 'and its `type` is not Literal["early", "not-early"]; repair or remove it'),
        ("type: late", "and 'a_plugin:Misnamed' has no method `check`; repair or remove it"),
        ("type: not-gone", "type 'gone' comes from the distribution '?', and loading 'a_plugin:NotThere' raised"),
        ("type: mere", "'a_plugin:till' is no subclass of `scenarios.Expectation`"),
        ("type: state, of: tell, equals: 1", "no state provider 'tell'; did you mean 'till'?"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(expectation: str, problem: str, tmp_path: Path) -> None:
    """By the schema that the type brings; a broken plugin harms nobody but who states its type, and is named there."""
    path = written(tmp_path, expectation)
    with pytest.raises(DocumentError) as error:
        load_scenarios(path)
    assert problem in str(error.value)
    assert error.value.line == CLERK.count("\n") + 1


def test_a_plugin_cannot_take_a_type_of_ours(tmp_path: Path) -> None:
    """`routed` stays what it is."""
    assert played(tmp_path, "type: routed, task: a, to: clerk")[0]


def test_without_plugins_the_model_is_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is made once, however many files are loaded."""
    assert scenario_model() is scenario_model()
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_group: EntryPoints())
    scenario_model.cache_clear()
    assert scenario_model() is ScenarioEntry


def test_the_schema_for_editors_has_the_types_of_plugins() -> None:
    """With their keys and what they say of themselves."""
    kinds = schema_of("scenario", scenario_model())["$defs"]
    assert kinds["Punctual"]["description"] == "A task ended on a full second."
    assert kinds["Punctual"]["required"] == ["type", "task"]
    assert "Punctual" not in schema_of("scenario")["$defs"]


def test_the_state_after_the_run_is_asked_of_its_provider(tmp_path: Path) -> None:
    """A function of the workspace; the part that a pointer leads to is looked at."""
    assert played(tmp_path, "type: state, of: till, pointer: /open, equals: true")[0]
    met, message = played(tmp_path, "type: state, of: till, pointer: /files, contains: x.json")
    assert (met, message.partition("; ")[2]) == (False, "what happened: it is []")


def test_a_provider_that_raises_leaves_no_verdict(tmp_path: Path) -> None:
    """The scenario is in error; the provider and its distribution are named."""
    (scenario,) = load_scenarios(written(tmp_path, "type: state, of: broken-till, equals: 1"))
    result = run_scenario(scenario, agents=[], router=KeywordRouter)
    assert result.verdict == "error"
    assert result.error.startswith("state provider 'broken-till' of the distribution '?' raised RuntimeError: no till")


def test_json_files_of_the_workspace_are_a_state(tmp_path: Path) -> None:
    """The provider that is always there, and the double for those of real systems."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "ledger.json").write_text('{"balance": 12}', encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no JSON", encoding="utf-8")
    assert json_files(tmp_path) == {"deep/ledger.json": {"balance": 12}}
    assert take_states(["json-files", "json-files"], tmp_path) == {"json-files": json_files(tmp_path)}
    assert known_providers() == ["broken-till", "json-files", "till"]
    (tmp_path / "cut.json").write_text('{"balance": ', encoding="utf-8")
    with pytest.raises(StateError, match=r"cut\.json: .*; correct it, or write a provider"):
        json_files(tmp_path)
