"""`pointsman doctor --determinism`: what people and machines are told; `tests/benchmarks` runs it for real."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import scenarios.determinism
from orchestrator.own_line import OwnLine
from scenarios.changes import Change
from scenarios.determinism import DeterminismError, Difference, Examination, Run, examine
from scenarios.leaks import Leak
from scenarios.rehearsal import Variation

Cli = Callable[..., tuple[int, str, str]]
BASE, OTHER = Variation(), Variation(1, "reversed", 1)
CLEAN = Examination((Run(BASE, "a" * 64, "b" * 64, 9, same=True),), (), ())
DIRTY = Examination(
    (*CLEAN.runs, Run(OTHER, "c" * 64, "d" * 64, 9, same=False)),
    (
        Leak("poet", OwnLine("/far/acme.py", 7), "time", "time.time", 3),
        Leak("poet", OwnLine("/far/acme.py", 9), "set order", "for word in words:", 0, guess=True),
    ),
    (Difference(OTHER, "rhyme", "poet", "task.completed", Change(("body", "output"), "[red]a", "b")),),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Answer instead of running: with what is under `answer`; keep what was asked."""
    asked: dict[str, Any] = {"answer": CLEAN}

    def answer(plan: Path, **given: Any) -> Examination:
        asked.update(given, plan=plan)
        found: Examination = asked["answer"]
        return found

    monkeypatch.setattr(scenarios.determinism, "examine", answer)
    return asked


def test_a_plan_that_can_be_repeated_passes(cli: Cli, asked: dict[str, Any]) -> None:
    """Exit code 0; what could not be seen is said all the same."""
    code, out, _ = cli("doctor", "--determinism", "day.plan.yaml", "--workspace", ".")
    assert code == 0
    assert "1 runs did the same" in out
    assert "when a module is imported" in out
    assert (asked["plan"], asked["workspace"]) == (Path("day.plan.yaml"), Path())


def test_lines_and_differences_are_told(cli: Cli, asked: dict[str, Any]) -> None:
    """Exit code 1; agent, file and line, what, how often, and what to do instead; a guess is called one."""
    asked["answer"] = DIRTY
    code, out, _ = cli("doctor", "--determinism", "day.plan.yaml")
    assert code == 1
    for said in (
        "/far/acme.py:7",
        "time: time.time",
        "context.clock.now()",
        "a guess",
        "sorted(...)",
        "/body/output",
        "[red]a",
    ):
        assert said in out
    assert "hash seed 1, agents reversed, 1 worker" in out
    assert "2 lines of 1 agent to look at; 1 of 2 runs differ from the first" in out


def test_machines_get_all_of_it(cli: Cli, asked: dict[str, Any]) -> None:
    """As one JSON object."""
    asked["answer"] = DIRTY
    code, out, _ = cli("doctor", "--determinism", "day.plan.yaml", "--json")
    found = json.loads(out)
    assert (code, found["ok"]) == (1, False)
    assert found["leaks"][0] == {
        "agent": "poet",
        "file": "/far/acme.py",
        "line": 7,
        "kind": "time",
        "what": "time.time",
        "times": 3,
        "guess": False,
        "instead": "context.clock.now()",
    }
    assert found["differences"][0]["pointer"] == "/body/output"
    assert [run["same"] for run in found["runs"]] == [True, False]


def test_a_broken_plan_is_refused_before_anything_runs(cli: Cli, asked: dict[str, Any], folder: Path) -> None:
    """With its line, as everywhere."""
    (folder / "broken.plan.yaml").write_text("plan: x\ntasks: {a: {reqest: hello}}\n")
    code, _, err = cli("doctor", "--determinism", "broken.plan.yaml")
    assert code == 4
    assert "broken.plan.yaml:2:" in err
    assert "plan" not in asked


def test_a_workspace_that_is_too_large_is_not_copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run gets a copy: somebody's home is not meant."""
    monkeypatch.setattr(scenarios.determinism, "_MOST_FILES", 0)
    with pytest.raises(DeterminismError, match="name a smaller folder with --workspace"):
        examine(folder / "day.plan.yaml", workspace=folder, agents=())
