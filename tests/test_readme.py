"""The README is true: its programs run, its output is what they print, its commands exist and succeed."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: The command line, with less training: what it does is the same, and how good it gets is for `make bench-router`.
QUICK = """
import sys
from dataclasses import replace
from router import training_config
training_config.FROM_CARDS = replace(training_config.FROM_CARDS, epochs=10, folds=2)
from orchestrator.cli import main
sys.exit(main())
"""
ENVIRONMENT = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100", "PYTHONPATH": str(ROOT)}


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def _run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=110, check=False
    )


def test_the_first_program_prints_what_the_readme_says(tmp_path: Path) -> None:
    """The first Python block runs as it stands and its output is the text block after it."""
    done = _run([sys.executable, "-c", _blocks("python")[0]], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == _blocks("text")[0]
    assert '"task.routed"' in done.stderr
    assert (tmp_path / ".pointsman/journal.db").is_file()


@pytest.mark.parametrize("block", _blocks("python")[1:])
def test_each_block_that_defines_an_agent_runs_as_it_stands(block: str, tmp_path: Path) -> None:
    """Those after the first program: copy one, and it is an agent."""
    done = _run([sys.executable, "-c", block], tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_scenario_of_the_readme_passes(tmp_path: Path) -> None:
    """The YAML block is a scenario that passes."""
    (tmp_path / "readme.scenario.yaml").write_text(_blocks("yaml")[0], encoding="utf-8")
    done = _run([sys.executable, "-m", "orchestrator", "test", "readme.scenario.yaml"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_every_console_command_succeeds_in_order(tmp_path: Path) -> None:
    """Every line that starts with a dollar sign exits with 0, in one folder, from top to bottom."""
    own = {"fix this broken json": "json-medic", "is there a script for it": "script-finder"}
    rows = (json.dumps({"text": text, "label": label}) for text, label in own.items())
    (tmp_path / "dev.jsonl").write_text("\n".join(rows), encoding="utf-8")
    (plan,) = (block for block in _blocks("yaml") if block.startswith("plan:"))
    (tmp_path / "morning.plan.yaml").write_text(plan, encoding="utf-8")
    commands = re.findall(r"^\$ (.+)$", "\n".join(_blocks("console")), re.MULTILINE)
    assert len(commands) > 8
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "pointsman"
        how = ["-c", QUICK] if arguments[:2] == ["train", "--cards"] else ["-m", "orchestrator"]
        done = _run([sys.executable, *how, *arguments], tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z-]+)", README))))
def test_every_make_target_named_exists(target: str) -> None:
    """Each `make X` of the README is a target of the Makefile."""
    done = _run(["make", "--dry-run", target], ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_link_leads_to_a_file(link: str) -> None:
    """Each relative link of the README leads to a file."""
    assert (ROOT / link).exists()
