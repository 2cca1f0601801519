from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
AGENTS = Path(__file__).with_name("leaky_agents.py")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Have them run in a process of its own: an audit hook stays for ever."""
    command = [sys.executable, str(AGENTS), str(tmp_path_factory.mktemp("workspace"))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _planted() -> set[tuple[int, str, str]]:
    found = set()
    for number, line in enumerate(AGENTS.read_text(encoding="utf-8").splitlines(), start=1):
        planted = re.search(r"  # leak: (\w+) (.+)$", line)
        if planted:
            found.add((number, planted[1], planted[2]))
    return found


def test_what_is_read_past_the_context_is_named_by_line_and_function(seen: dict[str, Any]) -> None:
    """By whatever name it was imported, in helpers and inner asyncio.Tasks too; and nothing else is named."""
    found = {(leak["line"], leak["kind"], leak["what"]) for leak in seen["leaks"] if not leak["guess"]}
    assert found == _planted()
    assert {leak["file"] for leak in seen["leaks"]} == {str(AGENTS)}


def test_it_says_whose_handler_it_was_and_how_often(seen: dict[str, Any]) -> None:
    """A helper that is called three times is counted three times, for the agent that called it."""
    helper = next(leak for leak in seen["leaks"] if leak["what"] == "time.perf_counter")
    assert (helper["agent"], helper["times"]) == ("by-a-helper", 3)
    assert helper["instead"] == "context.clock.now()"


@pytest.mark.parametrize("name", ["sound", "read", "in-turn"])
def test_what_is_decided_by_the_run_is_not_named(seen: dict[str, Any], name: str) -> None:
    """The context's own, a read, the workspace, files beside the agent, a log line, a function that takes its turn."""
    assert seen["results"][name][0] == "completed"
    assert [leak for leak in seen["leaks"] if leak["agent"] == name] == []
