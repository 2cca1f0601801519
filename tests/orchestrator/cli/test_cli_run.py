"""`pointsman run`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., tuple[int, str, str]]


def test_a_run_shows_each_task_with_agent_confidence_and_outcome(cli: Cli) -> None:
    """Lines as it happens, then a table; a task that did not complete makes the exit code 1."""
    code, out, err = cli("run", "day.plan.yaml")
    assert code == 1
    assert err == ""
    assert "✓ balance → ledger-keeper" in out
    assert "? strange abstained" in out
    assert "✓ rhyme/1 → ledger-keeper pinned" in out
    assert "3 of 4 tasks completed" in out


def test_a_run_whose_tasks_complete_exits_with_0(cli: Cli, folder: Path) -> None:
    """Exit code 0 means that every task completed."""
    (folder / "one.yaml").write_text("plan: one\nseed: 7\ntasks:\n  t: {request: balance the ledger}\n")
    code, out, _ = cli("run", "one.yaml")
    assert (code, "1 of 1 tasks completed" in out) == (0, True)
    _, out, _ = cli("decisions", "--json")
    assert json.loads(out)["seed"] == 7


def test_json_holds_every_result_and_nothing_else_is_on_stdout(cli: Cli) -> None:
    """Stdout is one JSON object; the display goes to stderr."""
    code, out, err = cli("run", "day.plan.yaml", "--json")
    body = json.loads(out)
    assert code == 1
    assert "✓ balance" in err
    assert body["ok"] is False
    assert [result["task"] for result in body["results"]] == ["balance", "rhyme", "strange", "rhyme/1"]
    balance, rhyme, strange, _ = body["results"]
    assert balance["status"] == "completed"
    assert 0 < balance["confidence"] <= 1
    assert rhyme["output"] == ["roses", "are", "red"]
    assert strange["error"].startswith("the router abstained")
    assert "\x1b" not in out


def test_what_agents_say_is_inert(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Markup stays text; escape sequences and control characters never reach a terminal."""
    (folder / "evil.yaml").write_text("plan: '[red]evil'\ntasks:\n  s: {request: sweep the floor}\n")
    code, out, _ = cli("run", "evil.yaml")
    assert code == 1
    assert "I will not [bold]sweep[/bold]]0;owned" in out
    _, out, _ = cli("run", "day.plan.yaml")
    assert "[red]balanced[/red][31m it" in out
    assert "\x1b" not in out
    assert "\x07" not in out


def test_no_color_is_honoured(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """FORCE_COLOR colours a pipe; NO_COLOR (no-color.org) takes every colour away again."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_INTERACTIVE", "0")
    assert "\x1b[32m" in cli("run", "day.plan.yaml")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in cli("run", "day.plan.yaml")[1]


def test_a_terminal_gets_a_tree_that_is_redrawn(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the tasks are a tree, each below what it waits for."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("LINES", "40")
    _, out, _ = cli("run", "day.plan.yaml")
    assert "└── " in out
    assert "close the day" in out


def test_at_80_columns_no_line_is_longer(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table fits the terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = cli("run", "day.plan.yaml")
    table = out.partition("\n\n")[2].partition("\n\n")[0]
    assert max(map(len, table.splitlines())) <= 80


def test_a_broken_plan_is_refused_with_its_place(cli: Cli, folder: Path) -> None:
    """Exit code 4, one line: file, line, column, problem."""
    (folder / "broken.yaml").write_text("plan: p\ntasks:\n  a: {request: x, aftr: b}\n")
    code, out, err = cli("run", "broken.yaml")
    assert (code, out) == (4, "")
    assert err.startswith("error: broken.yaml:3:19: unknown key 'aftr'")
    assert err.count("\n") == 1


def test_a_missing_plan_is_refused(cli: Cli) -> None:
    """Exit code 4, with the nearest file."""
    code, _, err = cli("run", "day.plan.yml")
    assert code == 4
    assert "no such file" in err
    assert "day.plan.yaml" in err


def test_a_workspace_that_is_not_there_is_a_usage_error(cli: Cli) -> None:
    """Exit code 2, before anything ran."""
    code, _, err = cli("run", "day.plan.yaml", "--workspace", "nowhere")
    assert code == 2
    assert "nowhere" in err


def test_a_router_that_is_not_there_is_refused(cli: Cli) -> None:
    """Exit code 4: no model file, no run."""
    code, _, err = cli("run", "day.plan.yaml", "--router", "nowhere.npz")
    assert code == 4
    assert err.startswith("error: nowhere.npz: does not exist")


def test_settings_come_from_the_file_named_and_from_the_environment(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--settings names the file, POINTSMAN_ variables win."""
    (folder / "s.yaml").write_text("journal: elsewhere/j.db\nseed: 3\nlog_format: json\n")
    monkeypatch.setenv("POINTSMAN_SEED", "5")
    _, out, err = cli("run", "day.plan.yaml", "--settings", "s.yaml", "--json")
    assert json.loads(out)["journal"] == "elsewhere/j.db"
    assert '"event":"task.routed"' in err
    _, out, _ = cli("decisions", "--settings", "s.yaml", "--limit", "1", "--json")
    assert json.loads(out)["seed"] == 5


def test_settings_may_be_named_before_the_command(cli: Cli, folder: Path) -> None:
    """Every command takes them from there, those in groups too; its own --settings wins."""
    (folder / "s.yaml").write_text("journal: elsewhere/j.db\n")
    (folder / "t.yaml").write_text("journal: third/j.db\n")
    assert json.loads(cli("--settings", "s.yaml", "run", "day.plan.yaml", "--json")[1])["journal"] == "elsewhere/j.db"
    assert "elsewhere/j.db" in cli("--settings", "s.yaml", "journal", "verify")[1]
    (folder / "broken.yaml").write_text("sede: 1\n")
    for command in (["agents"], ["doctor", "--json"], ["agents", "check"], ["decisions"]):
        code, out, err = cli("--settings", "broken.yaml", *command)
        assert code in (1, 4)
        assert "broken.yaml:1:1: unknown key 'sede'" in out + err
    assert "third/j.db" in cli("--settings", "s.yaml", "journal", "verify", "--settings", "t.yaml")[2]
