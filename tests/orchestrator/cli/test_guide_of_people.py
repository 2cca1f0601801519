"""The guide `docs/people.md` is true: after its program, its commands print what it says, but for the time of day."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs/people.md").read_text(encoding="utf-8")
PROGRAM = re.compile(r"^```python\n(import .*?)^```", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```\n(\$ .*?)^```", re.MULTILINE | re.DOTALL)


def _commands() -> list[tuple[str, list[str]]]:
    """Return each command with the lines that follow it."""
    found: list[tuple[str, list[str]]] = []
    for line in "".join(CONSOLE.findall(GUIDE)).splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ pointsman "), []))
        else:
            found[-1][1].append(line)
    return found


def _plain(line: str) -> str:
    """Return a line without its time of day, rules and widths of columns."""
    return " ".join(re.sub(r"(\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d", "TIME", line).replace("─", "").split())


def test_the_commands_print_what_the_guide_says(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line of the guide is printed, in its order, and nothing else but advice on what to do next."""
    program = PROGRAM.search(GUIDE)
    assert program is not None
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    command = [sys.executable, "-c", program[1]]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=100, check=True)
    assert len(_commands()) > 5
    for line, said in _commands():
        _, out, err = cli(*shlex.split(line))
        printed = list(filter(None, map(_plain, (out + err).splitlines())))
        wanted = list(filter(None, map(_plain, said)))
        assert [one for one in printed if one in wanted] == wanted, f"{line}\n{out}{err}"
        assert [one for one in out.splitlines() if _plain(one) not in ["", *wanted]] == []
