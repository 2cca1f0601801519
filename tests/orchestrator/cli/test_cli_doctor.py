"""`pointsman doctor`."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import router
from orchestrator import agent
from orchestrator.cli import health

Cli = Callable[..., tuple[int, str, str]]
Install = Callable[..., None]


@pytest.fixture
def model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> router.EmbeddingRouter:
    """Let the bundled router be a small trained one."""
    pytest.importorskip("torch")
    from router.trained_model import train
    from router.training_config import FEW_EXAMPLES

    examples = [router.Example(f"{word} {number}", word) for word in ("cook", "clerk") for number in range(12)]
    profiles = [router.AgentProfile("cook", "1", "Cooks.", ("cook 1",))]
    trained = train(examples, replace(FEW_EXAMPLES, epochs=1), profiles=profiles)
    made = router.EmbeddingRouter(trained.manifest, trained.arrays, use_trained_labels=False)
    monkeypatch.setattr(router, "bundled_router", lambda *_: made)
    return made


def _statuses(cli: Cli) -> dict[str, tuple[str, str]]:
    _, out, _ = cli("doctor", "--json")
    return {check["name"]: (check["status"], check["detail"]) for check in json.loads(out)["checks"]}


@pytest.mark.usefixtures("model")
def test_a_sound_installation_passes(cli: Cli) -> None:
    """A table for people; exit code 0."""
    code, out, _ = cli("doctor")
    assert code == 0
    for expected in ("python", "sqlite", "extra train", "fsync takes", "ledger-keeper", "router"):
        assert expected in out


@pytest.mark.usefixtures("model")
def test_json_lists_the_checks(cli: Cli) -> None:
    """Name, status and detail of each."""
    code, out, _ = cli("doctor", "--json")
    body = json.loads(out)
    assert (code, body["ok"]) == (0, True)
    assert {"name", "status", "detail"} == set(body["checks"][0])


@pytest.mark.usefixtures("model")
def test_cards_that_changed_since_the_training_are_named(cli: Cli, install: Install) -> None:
    """The trained row no longer fits; a new agent is learnt from its card."""

    async def handle(request: str) -> str:
        return request

    same = agent("cook", summary="Cooks.", examples=["cook 1"])(handle)
    install(same, agent("new-one", summary="New.", examples=["new"])(handle))
    assert _statuses(cli)["router"] == ("ok", _statuses(cli)["router"][1])
    assert "learnt from their cards on the spot: new-one" in _statuses(cli)["router"][1]
    install(agent("cook", summary="Cooks better.", examples=["cook 1"])(handle))
    status, detail = _statuses(cli)["router"]
    assert status == "warn"
    assert "changed since it was trained: cook" in detail


def test_a_router_that_was_never_trained_is_fine(cli: Cli) -> None:
    """There are no trained rows that a card could have outgrown."""
    assert _statuses(cli)["router"][0] == "ok"


def test_a_missing_router_fails(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1."""
    monkeypatch.setenv("POINTSMAN_ROUTER", "nowhere.npz")
    code, out, _ = cli("doctor")
    assert code == 1
    assert "nowhere.npz" in out


def test_settings_that_are_refused_fail_and_end_the_checks(cli: Cli, folder: Path) -> None:
    """The rest depends on them."""
    (folder / "pointsman.yaml").write_text("sede: 1\n")
    found = _statuses(cli)
    assert found["settings"][0] == "fail"
    assert "pointsman.yaml:1:1" in found["settings"][1]
    assert "router" not in found


@pytest.mark.usefixtures("model")
def test_settings_say_where_they_come_from(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File and variables."""
    (folder / "pointsman.yaml").write_text("seed: 1\n")
    monkeypatch.setenv("POINTSMAN_CAPACITY", "10")
    assert _statuses(cli)["settings"] == ("ok", "pointsman.yaml, POINTSMAN_CAPACITY")


@pytest.mark.usefixtures("model")
def test_broken_plugins_and_clashes_are_warnings(cli: Cli, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """openai-agents also ships a package `agents`."""
    install(broken={"wreck": ImportError("nope")})
    owners = {"agents": ["pointsman", "openai-agents"]}
    monkeypatch.setattr(importlib.metadata, "packages_distributions", lambda: owners)
    found = _statuses(cli)
    assert found["plugin wreck"][0] == "warn"
    assert found["package agents"] == (
        "warn",
        "package 'agents' is shipped by openai-agents and by pointsman: use separate environments",
    )
    assert found["agents"][0] == "warn"


def test_a_broken_plugin_fails_where_plugins_are_strict(
    cli: Cli, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run would not start."""
    install(broken={"wreck": ImportError("nope")})
    monkeypatch.setenv("POINTSMAN_STRICT_PLUGINS", "true")
    assert _statuses(cli)["agents"][0] == "fail"


@pytest.mark.usefixtures("model")
def test_the_journal_is_looked_at(ran: Cli, folder: Path) -> None:
    """Runs and rows; a file that is none fails."""
    assert ".pointsman/journal.db: 1 runs" in _statuses(ran)["journal"][1]
    (folder / ".pointsman/journal.db").write_bytes(b"no journal")
    for extra in ("-wal", "-shm"):
        (folder / f".pointsman/journal.db{extra}").unlink(missing_ok=True)
    assert _statuses(ran)["journal"][0] == "fail"


def test_missing_extras_are_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs them."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    check = health._extra("agents")
    assert check.status == "warn"
    assert "pip install 'pointsman[agents]'" in check.detail


def test_an_old_python_or_sqlite_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is needed is named."""
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 30, 0))
    assert (health._python().status, health._sqlite().status) == ("fail", "fail")


def test_a_slow_disk_is_a_warning_and_one_that_refuses_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measurement is bounded; its outcome is what a run would meet."""
    monkeypatch.setattr(health, "_time_syncs", lambda _: 0.5)
    assert health._disk(Path("journal.db")).status == "warn"

    def refuse(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.undo()
    monkeypatch.setattr(os, "fsync", refuse)
    check = health._disk(Path("deep/down/journal.db"))
    assert check.status == "fail"
    assert "Input/output error" in check.detail


def test_whoever_ships_no_agents_package_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of ours needs it."""
    monkeypatch.setattr(importlib.metadata, "packages_distributions", dict[str, Any])
    assert health._clash().detail == "not installed"


@pytest.mark.usefixtures("model")
def test_an_error_budget_does_not_cover_agents_added_later(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The promise was proved without them, so whoever relies on it is told who they are and what to do."""
    assert _statuses(cli)["router"][0] == "ok"
    monkeypatch.setenv("POINTSMAN_ERROR_BUDGET", "0.05")
    status, detail = _statuses(cli)["router"]
    assert status == "warn"
    assert "says nothing of agents added since training: grump, ledger-keeper, poet; pointsman train --cards" in detail


@pytest.mark.usefixtures("model")
def test_an_error_budget_that_was_rehearsed_covers_agents_added_later(
    cli: Cli, model: router.EmbeddingRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where old agents played new ones and the budget was kept, there is nothing to warn of."""
    monkeypatch.setenv("POINTSMAN_ERROR_BUDGET", "0.05")
    monkeypatch.setattr(model, "_among_strangers", replace(model._among_strangers, budget=0.05))
    assert _statuses(cli)["router"][0] == "ok"
