"""What the tests of the command line share: a folder of their own, agents found by entry point, a router by hand."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import router
from orchestrator import AgentError, TaskContext, agent
from orchestrator.cli import main
from orchestrator.plugins import GROUP
from router import KeywordRouter

Cli = Callable[..., tuple[int, str, str]]
Install = Callable[..., None]

_ENTRY_POINTS = importlib.metadata.entry_points
_BUNDLED_ROUTER = router.bundled_router

PLAN = """\
plan: close the day
tasks:
  balance: {request: balance the ledger of the day}
  rhyme: {request: write a poem about the ledger, after: balance}
  strange: {request: zzz qqq}
"""


@agent("ledger-keeper", summary="Balances ledgers.", examples=["balance the ledger", "does the ledger balance"])
async def ledger_keeper(request: str) -> dict[str, str]:
    """Balance."""
    return {"verdict": "pass", "summary": "[red]balanced[/red]\x1b[31m\x07 it"}


@agent("poet", summary="Writes poems.", examples=["write a poem", "a poem about spring"])
async def poet(request: str, context: TaskContext) -> list[str]:
    """Write, and leave the ink to somebody else."""
    context.add_task("dry the poem", agent="ledger-keeper")
    return ["roses", "are", "red"]


@agent("grump", summary="Refuses chores.", examples=["sweep the floor", "sweep the stairs"])
async def grump(request: str) -> None:
    """Refuse."""
    raise AgentError("I will not [bold]sweep[/bold]\x1b]0;owned\x07")


def entry_point(name: str, load: Callable[[], object], distribution: str = "acme-agents") -> Any:
    """Return what looks like an entry point of an installed distribution."""
    value = f"acme:{name}"
    dist = SimpleNamespace(name=distribution, version="1.2")
    return SimpleNamespace(name=name, value=value, module="acme", dist=dist, load=load)


def _give(value: object) -> object:
    return value


def _raise(error: Exception) -> object:
    raise error


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Let plugin discovery find these agents, by name, and no others."""

    def use(*agents: Any, broken: dict[str, Exception] | None = None) -> None:
        found = [entry_point(one.card.name, partial(_give, one)) for one in agents]
        found += [entry_point(name, partial(_raise, error), "bad-agents") for name, error in (broken or {}).items()]
        monkeypatch.setattr(
            importlib.metadata,
            "entry_points",
            lambda **given: found if given.get("group") == GROUP else _ENTRY_POINTS(**given),
        )

    return use


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Install) -> Path:
    """Work in an empty folder, without settings from outside, with three agents and a router made by hand."""
    monkeypatch.chdir(tmp_path)
    for name in ("POINTSMAN_ROUTER", "POINTSMAN_JOURNAL", "NO_COLOR", "FORCE_COLOR", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(router, "bundled_router", lambda *_: KeywordRouter())
    install(ledger_keeper, poet, grump)
    (tmp_path / "day.plan.yaml").write_text(PLAN)
    return tmp_path


@pytest.fixture
def bundled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the agents and the router that ship with the package after all."""
    monkeypatch.setattr(importlib.metadata, "entry_points", _ENTRY_POINTS)
    monkeypatch.setattr(router, "bundled_router", _BUNDLED_ROUTER)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Return a function that runs `pointsman` with some arguments and returns exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return code, captured.out, captured.err

    return run


@pytest.fixture
def ran(cli: Cli) -> Cli:
    """Return the same, after a run whose journal is there to look at."""
    cli("run", "day.plan.yaml")
    return cli
