"""The command line refuses every broken file of the corpus in the same way."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., tuple[int, str, str]]


BROKEN = Path(__file__).parent.parent.parent / "broken"
COMMANDS: dict[str, Callable[[Path], tuple[str, ...]]] = {
    "plan": lambda path: ("run", str(path)),
    "scenario": lambda path: ("test", str(path)),
    "settings": lambda path: ("decisions", "--settings", str(path)),
}


@pytest.mark.parametrize("path", sorted(BROKEN.iterdir()), ids=lambda path: path.name)
def test_a_broken_file_exits_with_4_and_its_place(path: Path, cli: Cli) -> None:
    """One line says file, line, column, what is wrong and what to do; exit code 4; no traceback; nothing is run."""
    code, out, err = cli(*COMMANDS[path.name.split(".")[1]](path))
    assert code == 4
    said = " ".join((out + err).split())  # a narrow terminal may have wrapped the line
    assert re.search(rf"{re.escape(str(path))}:[1-9][0-9]*:[1-9][0-9]*: .+; .+", said), said
    assert not Path(".pointsman").exists()
