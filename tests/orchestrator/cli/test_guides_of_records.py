"""The guides to what records tell are true: after its program, the commands of each print what it says."""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).resolve().parents[3]
PROGRAM = re.compile(r"^```python\n(import .*?)^```", re.MULTILINE | re.DOTALL)
SCENARIO = re.compile(r"^```yaml\n(scenario: .*?)^```", re.MULTILINE | re.DOTALL)
#: Under which name a guide's blocks of a language are written before its commands.
FILES = {"xml": "guide.xes", "gherkin": "guide.feature"}
LANGUAGES = ("gherkin", "yaml")
CONSOLE = re.compile(r"^```\n(\$ .*?)^```", re.MULTILINE | re.DOTALL)


def _commands(guide: str) -> list[tuple[str, list[str]]]:
    """Return each command with the lines that follow it."""
    found: list[tuple[str, list[str]]] = []
    for line in "".join(CONSOLE.findall(guide)).splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ pointsman "), []))
        else:
            found[-1][1].append(line)
    return found


def _plain(line: str) -> str:
    """Return a line without rules and widths of columns."""
    return " ".join(line.replace("─", "").split())


@pytest.mark.parametrize(("name", "commands"), [("whatif.md", 3), ("coverage.md", 2), ("exchange.md", 3)])
@pytest.mark.usefixtures("bundled")
def test_the_commands_print_what_the_guide_says(
    cli: Cli, folder: Path, capsys: pytest.CaptureFixture[str], name: str, commands: int
) -> None:
    """Each line, and no other."""
    guide = (ROOT / "docs" / name).read_text(encoding="utf-8")
    for program in PROGRAM.findall(guide)[:1]:  # here, not in a process: test_guides.py does that
        (folder / "program.py").write_text(program, encoding="utf-8")
        runpy.run_path(str(folder / "program.py"))
        capsys.readouterr()
    for language, file in FILES.items():
        for text in re.findall(rf"^```{language}\n(.*?)^```", guide, re.MULTILINE | re.DOTALL):
            (folder / file).write_text(text, encoding="utf-8")
    for scenario in SCENARIO.findall(guide):
        (folder / "guide.scenario.yaml").write_text(scenario, encoding="utf-8")
    assert len(_commands(guide)) == commands
    for line, said in _commands(guide):
        _, out, err = cli(*shlex.split(line))
        printed = list(filter(None, map(_plain, (out + err).splitlines())))
        assert printed == list(filter(None, map(_plain, said))), f"{line}\n{out}{err}"


def test_the_skeleton_is_what_the_guide_shows(cli: Cli, folder: Path) -> None:
    """To the last letter."""
    guide = (ROOT / "docs/exchange.md").read_text(encoding="utf-8")
    blocks = {name: re.findall(rf"^```{name}\n(.*?)^```", guide, re.MULTILINE | re.DOTALL) for name in LANGUAGES}
    feature, shown = (blocks[name][0] for name in LANGUAGES)
    (folder / "guide.feature").write_text(feature, encoding="utf-8")
    assert cli("import", "gherkin", "guide.feature")[0] == 0
    assert (folder / "a-customer-says-so.scenario.yaml").read_text(encoding="utf-8") == shown
