"""Every broken file is refused with its line and column, what is wrong, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator import caps
from orchestrator.cli import main
from orchestrator.documents import read_document
from orchestrator.errors import DocumentError
from orchestrator.plan import load_plan
from orchestrator.settings import load_settings
from scenarios.loader import load_scenarios

BROKEN = Path(__file__).parent.parent / "broken"
LOADERS: dict[str, Callable[[Path], Any]] = {
    "plan": load_plan,
    "scenario": load_scenarios,
    "settings": lambda path: load_settings(path, {}),
}

# One line for each file of the corpus: the whole text of its refusal, `file:line:col: what, which; what to do`.
REFUSALS = (Path(__file__).parent / "refusals.txt").read_text(encoding="utf-8").splitlines()


def load(path: Path) -> Any:
    """Load a file by the kind that its name states."""
    return LOADERS[path.name.split(".")[1]](path)


@pytest.mark.parametrize("refusal", REFUSALS, ids=[line.split(":")[0] for line in REFUSALS])
def test_broken_file_is_refused_at_its_place(refusal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken file is refused with file, line, column, the problem and a suggestion."""
    monkeypatch.chdir(BROKEN)
    with pytest.raises(DocumentError) as error:
        load(Path(refusal.split(":", maxsplit=1)[0]))
    assert str(error.value) == refusal
    assert re.fullmatch(r"[^:]+:[1-9][0-9]*:[1-9][0-9]*: .+; .+", refusal)


def test_corpus_and_table_are_the_same_files() -> None:
    """No broken file lies about without an expectation."""
    assert {path.name for path in BROKEN.iterdir()} == {line.split(":")[0] for line in REFUSALS}


def test_no_broken_scenario_is_played(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`pointsman test` refuses each of 25 and more by its whole line, plays none, and exits with 4."""
    refusals = [line for line in REFUSALS if line.split(":")[0].endswith(".scenario.yaml")]
    monkeypatch.chdir(BROKEN)
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist sets it, and lines would be folded
    assert main(["test", "."]) == 4
    told = [line.removeprefix("broken: ") for line in capsys.readouterr().out.splitlines()]
    assert sorted(told) == sorted([*refusals, f"{len(refusals)} broken"])
    assert len(refusals) >= 25


PAYLOAD = "plan: p\ntasks: {a: {request: r, payload: {x: "
GENERATED = {
    "large.plan.yaml": ("plan: " + "x" * caps.PLAN.size, "larger than"),
    "large.settings.yaml": ("# " + "x" * caps.SETTINGS.size, "larger than 250000 bytes"),
    "long.plan.yaml": (f"{PAYLOAD}[{'1,' * caps.PLAN.values}]}}}}}}", "more than 50000 values"),
    "long.scenario.yaml": ("scenario: p\nexamples: [" + "{}," * caps.SCENARIO.values + "]", "more than 10000 values"),
    "nested.plan.yaml": (PAYLOAD + "[" * 100_000, "nested deeper than 64"),
    "large-list.plan.yaml": ("[" * 100_000, "the file should be a mapping, not a list"),
    "large-tasks.plan.yaml": ("plan: p\ntasks: [" + "1," * 100_000, "'tasks' should be a mapping, not a list"),
    "large-key.plan.yaml": ("plan: p\ntask: {" + "x: 1," * 20_000, "unknown key 'task'; did you mean 'tasks'"),
    "large-after.plan.yaml": ("plan: p\ntasks: {a: {after: {" + "x: 1," * 20_000, "'after' should be a list"),
    "large-text.plan.yaml": ("plan: {" + "x: 1," * 20_000, "'plan' should be a single value, not a mapping"),
    "nested-block.plan.yaml": ("".join("  " * depth + "a:\n" for depth in range(80)), "nested deeper"),
    "dashes.plan.yaml": ("- " * 10_000, "nested deeper"),
}


@pytest.mark.parametrize("name", GENERATED)
def test_what_exceeds_a_cap_is_refused(name: str, tmp_path: Path) -> None:
    """A document beyond a cap of size, depth or number of values is refused, and the error says which.

    A large one is refused at the first thing that does not fit, whatever comes after.
    """
    text, problem = GENERATED[name]
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DocumentError, match=problem) as refusal:
        load(path)
    assert refusal.value.line >= 1
    assert refusal.value.hint


SOUND = {
    "norway.plan.yaml": "plan: no\ntasks: {on: {request: off, payload: {a: 12:30, b: 1_000, c: 0o17, d: 007, e: y}}}",
    "byte-order-mark.plan.yaml": "\ufeffplan: p\ntasks: {a: {request: r}}\n",
    "windows.plan.yaml": "plan: p\r\ntasks:\r\n  a:\r\n    request: r\r\n",
    "json.plan.yaml": '{"plan": "p", "tasks": {"a": {"request": "r", "after": []}}}',
    "comment.settings.yaml": "# all as it is\n",
    "quoted.plan.yaml": "plan: 'true'\ntasks: {'1': {request: '<<'}}\n",
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_relatives_of_broken_files_are_accepted(name: str, tmp_path: Path) -> None:
    """What only looks like one of the traps is accepted."""
    path = tmp_path / name
    path.write_bytes(SOUND[name].encode())
    assert load(path) is not None


def test_norway_traps_are_text() -> None:
    """`no`, `on`, `12:30`, `1_000`, `0o17` and `007` without quotes are the text that they look like."""
    task = read_document(SOUND["norway.plan.yaml"]).data["tasks"]["on"]
    assert task["payload"] == {"a": "12:30", "b": "1_000", "c": "0o17", "d": "007", "e": "y"}


LIBRARY = Path(__file__).parents[2] / "scenarios/library"


@pytest.mark.parametrize(
    "path", [*LIBRARY.glob("*.plan.yaml"), *LIBRARY.glob("*.scenario.yaml")], ids=lambda path: path.name
)
def test_what_is_right_is_right_however_large(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused early in a large document is nothing that is accepted in a small one."""
    monkeypatch.setattr("orchestrator.documents.LARGE", 0)
    assert load(path)


@pytest.mark.parametrize("path", sorted(BROKEN.iterdir()), ids=lambda path: path.name)
def test_what_is_wrong_is_wrong_however_large(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In perhaps other words, for what else is wrong is not looked at; on no later line than the first fault."""
    with pytest.raises(DocumentError) as small:
        load(path)
    monkeypatch.setattr("orchestrator.documents.LARGE", 0)
    with pytest.raises(DocumentError) as large:
        load(path)
    assert (large.value.line, large.value.column) <= (small.value.line, small.value.column)
