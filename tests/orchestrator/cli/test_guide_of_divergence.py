"""The guide `docs/divergence.md` is true: after its program, its command prints what it says."""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Callable
from pathlib import Path

Cli = Callable[..., tuple[int, str, str]]
GUIDE = (Path(__file__).resolve().parents[3] / "docs/divergence.md").read_text(encoding="utf-8")


def test_the_command_prints_what_the_guide_says(cli: Cli, folder: Path) -> None:
    """To the letter, but for blanks at the end of lines; `tests/test_guides.py` runs the program on its own."""
    program = re.search(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    console = re.search(r"^```\n\$ pointsman (.*?)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    assert program is not None
    assert console is not None
    (folder / "program.py").write_text(program[1], encoding="utf-8")
    runpy.run_path("program.py")
    cli()  # what the program printed
    code, out, err = cli(*shlex.split(console[1]))
    assert (code, err) == (1, "")
    assert [line.rstrip() for line in out.splitlines()] == console[2].splitlines()
