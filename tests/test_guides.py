"""The guides are true: a program that is followed by its output prints just that."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = re.compile(r"^```python\n((?:(?!^```).)*)^```\n\n```text\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _programs() -> list[tuple[str, str, str]]:
    guides = sorted((ROOT / "docs").glob("*.md"))
    return [(guide.name, *found) for guide in guides for found in PROGRAM.findall(guide.read_text(encoding="utf-8"))]


def test_there_are_programs_in_the_guides() -> None:
    """Else the test below would test nothing."""
    assert "durability.md" in {name for name, _, _ in _programs()}


@pytest.mark.parametrize(("guide", "program", "output"), _programs())
def test_a_program_prints_what_its_guide_says(guide: str, program: str, output: str, tmp_path: Path) -> None:
    """It runs as it stands, in an empty folder."""
    command = [sys.executable, "-c", program]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == output
