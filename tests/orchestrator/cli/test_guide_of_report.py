"""The guide `docs/report.md` is true: after its program, its command writes the page that it speaks of."""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Callable
from pathlib import Path

Cli = Callable[..., tuple[int, str, str]]
GUIDE = (Path(__file__).resolve().parents[3] / "docs/report.md").read_text(encoding="utf-8")


def test_the_command_writes_what_the_guide_says(cli: Cli, folder: Path) -> None:
    """And the page has a section for each that the guide names and the run can fill."""
    program = re.search(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    console = re.search(r"^```\n\$ pointsman (.*?)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    assert program is not None
    assert console is not None
    (folder / "program.py").write_text(program[1], encoding="utf-8")
    runpy.run_path("program.py")
    cli()  # what the program printed
    code, out, err = cli(*shlex.split(console[1]))
    assert (code, out, err) == (0, "", console[2])
    titles = re.findall(r'<h3 id="r0-[\w-]+">(.*?)</h3>', Path("monday.html").read_text(encoding="utf-8"))
    named = re.findall(r"^\| ([A-Z][\w ]+) \|", GUIDE, re.MULTILINE)
    assert len(named) == 12
    absent = {"First causes", "Map", "Redaction ledger"}
    assert [title.replace("Graph of the tasks", "Graph") for title in titles] == [
        one for one in named if one not in absent
    ]
