"""What holds for all bundled agents: their cards, their cost of import, their missing libraries."""

import itertools
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Agent, AgentError, Task, TaskContext

ROOT = Path(__file__).parents[2]
ENTRY_POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pointsman.agents"]
HEAVY = ("sqlglot", "jiter", "json_repair", "jsonschema", "bm25s", "Stemmer", "drain3", "numpy.testing")


def load(target: str) -> Any:
    """Return what an entry point names."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


AGENTS = {name: load(target) for name, target in ENTRY_POINTS.items()}


@pytest.mark.parametrize("name", AGENTS)
def test_a_card_has_what_the_router_learns_from(name: str) -> None:
    """One summary sentence, and enough examples that all differ."""
    card = AGENTS[name].card
    assert isinstance(AGENTS[name], Agent)
    assert card.name == name
    assert card.summary.endswith(".")
    assert 16 <= len(card.examples) <= 24
    assert len({example.lower() for example in card.examples}) == len(card.examples)


def test_no_two_agents_share_an_example() -> None:
    """An example that fits two agents teaches nothing."""
    for one, other in itertools.combinations(AGENTS.values(), 2):
        assert not {each.lower() for each in one.card.examples} & {each.lower() for each in other.card.examples}


def test_importing_the_agents_imports_no_heavy_library() -> None:
    """Discovery of plugins stays cheap."""
    modules = ",".join(target.partition(":")[0] for target in ENTRY_POINTS.values())
    code = f"import sys,{modules}; print([each for each in {HEAVY!r} if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "library", "fields"),
    [
        ("sql-checker", "sqlglot", {"sql": "SELECT 1"}),
        ("json-medic", "json_repair", {"text": "{}"}),
        ("script-finder", "Stemmer", {"query": "sweep"}),
        ("log-sentinel", "drain3", {"baseline": "a", "candidate": "a"}),
    ],
)
def test_a_missing_library_is_said_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, library: str, fields: dict[str, str]
) -> None:
    """The extra is optional; trying again cannot help."""
    monkeypatch.setitem(sys.modules, library, None)
    agent = AGENTS[name]
    with pytest.raises(AgentError, match=rf"{name} needs {library}.*pip install 'pointsman\[agents\]'"):
        agent(agent.input_type(**fields), TaskContext(Task(id="t", request="x"), workspace=tmp_path))


@pytest.mark.parametrize("name", AGENTS)
def test_values_are_frozen_and_refuse_unknown_fields(name: str) -> None:
    """Typed in, typed out."""
    config = AGENTS[name].input_type.model_config
    assert (config["frozen"], config["extra"]) == (True, "forbid")


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("missing.json", None, "no file"),
        ("../up.json", None, "leads out"),
        ("a\0b", None, "not usable"),
        ("x" * 5000, None, "cannot be read|no file|not usable"),
        ("latin.json", b'"\xe9"', "not UTF-8"),
        ("big.json", b" " * 5_000_001, "larger than"),
    ],
)
def test_a_file_that_cannot_be_had_is_an_error(tmp_path: Path, path: str, content: bytes | None, words: str) -> None:
    """The message names the path as it was given."""
    if content is not None:
        (tmp_path / path).write_bytes(content)
    agent = AGENTS["json-medic"]
    with pytest.raises(AgentError, match=words):
        agent(agent.input_type(path=path), TaskContext(Task(id="t", request="x"), workspace=tmp_path))


def test_a_text_that_is_too_long_is_an_error() -> None:
    """Five million characters are the limit of every agent that takes text."""
    agent = AGENTS["log-sentinel"]
    with pytest.raises(AgentError, match="longer than"):
        agent(agent.input_type(baseline="x" * 5_000_001, candidate="x"), TaskContext(Task(id="t", request="x")))


def test_odd_bytes_in_a_log_are_replaced(tmp_path: Path) -> None:
    """A log is read whatever wrote it."""
    (tmp_path / "a.log").write_bytes(b"caf\xe9 opened\n")
    agent = AGENTS["log-sentinel"]
    request = agent.input_type(baseline_path="a.log", candidate_path="a.log")
    assert agent(request, TaskContext(Task(id="t", request="x"), workspace=tmp_path)).verdict == "pass"
