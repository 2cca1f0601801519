"""Rules of the tree that no linter holds."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

import orchestrator

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("orchestrator", "router", "agents", "scenarios")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "library" not in path.parts)


def _imports(path: Path) -> list[tuple[str, tuple[str, ...]]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[tuple[str, tuple[str, ...]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.module or "", tuple(alias.name for alias in node.names)))
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "agents").glob("*.py")), ids=lambda path: path.name)
def test_bundled_agents_hang_from_public_names_alone(path: Path) -> None:
    """An agent imports from `orchestrator` only what is in its `__all__`, and nothing of router and scenarios."""
    for module, names in _imports(path):
        root = module.split(".")[0]
        assert root not in ("router", "scenarios")
        if root == "orchestrator":
            assert module == "orchestrator"
            assert set(names) <= set(orchestrator.__all__)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_and_says_what_it_owns(path: Path) -> None:
    """No module exceeds 300 lines, no function 60, and each module begins with a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "its first line should say what it owns"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: path.stem)
def test_every_test_states_its_requirement(path: Path) -> None:
    """Each test function has a docstring; tests are the specification."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert not silent


def test_nothing_generated_or_large_is_tracked() -> None:
    """No tracked file exceeds one megabyte, and no cache is tracked."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: nothing says which files are tracked")
    files = [ROOT / name for name in listed.stdout.split()]
    assert not [path for path in files if path.is_file() and path.stat().st_size > 1_000_000]
    assert not [path for path in files if "__pycache__" in path.parts]
