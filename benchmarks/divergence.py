"""Two runs of 262,200 rows beside each other: `python -m benchmarks.divergence [--json FILE] [--check]`.

A synthetic run of tasks that wait for each other is written twice, into one SQLite journal and as JSON Lines, and
differences are planted in the second one. `pointsman diff` compares them in a process of its own, whose wall time and
peak resident set are taken; what it says must be what was planted, to the row and the pointer.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.bars import Bar, Verdict, judge
from benchmarks.command_child import CHILD
from benchmarks.divergence_runs import (
    RUNS,
    Change,
    change_one,
    make_run,
    plant,
    three_branches,
    with_one_more,
    write_journal,
)
from benchmarks.full_path import WORK
from benchmarks.work import require
from orchestrator.journal import encode

ROWS: Final = 262_200
#: The row that is changed, counted from 1.
PLANTED: Final = 200_123
WALL_S: Final = 2.0
#: Comparisons of each kind, of which the least counts: a neighbour on the same core can double it.
_TRIES: Final = 3
PEAK_MB: Final = 300.0


@dataclass(frozen=True, slots=True)
class Load:
    """What one comparison took.

    Attributes:
        name: what was planted, and how the runs were given.
        wall_s: of the whole process, its start included.
        cpu_s: the same in seconds of CPU, which other work on the machine does not add to.
        peak_mb: its largest resident set.
        right: whether it said what was planted.
        said: the first cause, in short.
    """

    name: str
    wall_s: float
    cpu_s: float
    peak_mb: float
    right: bool
    said: str


# --- measuring --------------------------------------------------------------------------------------------------------


def run_diff(journal: Path, *names: str) -> tuple[dict[str, Any], float, float, float]:
    """Run `pointsman diff` in a process of its own; return what it said, its wall and CPU seconds, its peak in MB."""
    command = [sys.executable, "-c", CHILD, "diff", *names, "--json"]
    # Whoever installs a package has its byte code; without it, each start would compile what it imports.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "POINTSMAN_JOURNAL": str(journal)}
    begun = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    wall = time.perf_counter() - begun
    require(done.returncode in (0, 1), f"`pointsman diff` ended with {done.returncode}: {done.stderr.decode()}")
    cpu, peak = done.stderr.split()[-2:]
    return json.loads(done.stdout), wall, float(cpu), float(peak)


def measure(rows: int, planted: int, folder: Path, tries: int = _TRIES) -> list[Load]:
    """Write the runs, plant, compare; return what each comparison took, journals before files."""
    recorded = list(make_run(RUNS[0], rows))
    actual = list(make_run(RUNS[1], rows))
    base = [encode(RUNS[0], row) for row in recorded]
    pointer = change_one(actual[planted - 1])[1]
    branches, further = three_branches(actual, planted - 1)
    early: Change = lambda row: change_one(row)[0]._replace(at=1.0)  # noqa: E731 - it is as short as its use
    late: Change = lambda row: change_one(row)[0]  # noqa: E731
    cases = {
        "unchanged": (plant(actual, {}, RUNS[1]), None),
        "one changed": (plant(actual, {planted - 1: late}, RUNS[1]), (planted, pointer, 0)),
        "three on branches": (
            plant(actual, {branches[0]: late, branches[1]: early, branches[2]: late, further: early}, RUNS[1]),
            (branches[0] + 1, "/body/output/lines/1", 3),
        ),
        "one row more, early": (with_one_more(actual, rows // 100), None),
    }
    loads = []
    for name, (changed, wanted) in cases.items():
        loads += _compare(name, base, changed, wanted, folder, tries)
    return loads


def _compare(
    name: str,
    base: Sequence[bytes],
    changed: Sequence[bytes],
    wanted: tuple[int, str, int] | None,
    folder: Path,
    tries: int,
) -> list[Load]:
    journal = folder / f"{name}.db"
    write_journal(journal, {RUNS[0]: base, RUNS[1]: changed})
    files = []
    for run, rows in zip(RUNS, (base, changed), strict=True):
        files.append(folder / f"{name}-{run}.jsonl")
        files[-1].write_bytes(b"".join(row + b"\n" for row in rows))
    loads = []
    for how, names in (("journal", RUNS), ("files", [str(file) for file in files])):
        done = [run_diff(journal, *names) for _ in range(tries)]
        wall, cpu, peak = (min(figures) for figures in zip(*(one[1:] for one in done), strict=True))
        found = done[0][0]
        loads.append(Load(f"{name}, {how}", wall, cpu, peak, _is_right(name, found, wanted), _in_short(found)))
    for file in (journal, *files):
        file.unlink()
    return loads


def _is_right(name: str, found: dict[str, Any], wanted: tuple[int, str, int] | None) -> bool:
    if name == "unchanged":
        return bool(found["same"])
    if len(found["divergences"]) != 1:
        return False
    (told,) = found["divergences"]
    if wanted is None:
        return bool(told["class"] == "extra" and told["topic"] == "run.noted" and not found["moved_rows"])
    row, pointer, below = wanted
    return bool(told["recorded"]["row"] == row and told["changes"][0]["pointer"] == pointer and told["below"] == below)


def _in_short(found: dict[str, Any]) -> str:
    if found["same"]:
        return "the same"
    told = found["divergences"][0]
    row = told["recorded"]["row"] if told["recorded"] else told["actual"]["row"]
    return f"{told['class']} at row {row:,} {told['changes'][0]['pointer']}, {told['below']} below"


def hold_against_bars(loads: Sequence[Load]) -> list[Verdict]:
    """Return the bars with what was measured."""
    bars, figures = [Bar("comparisons that were wrong", 0)], {"comparisons that were wrong": 0.0}
    for load in loads:
        figures[bars[0].figure] += not load.right
        level = "must" if load.name.startswith("one changed") else "goal"
        for what, limit, value in (("wall s", WALL_S, load.wall_s), ("peak MB", PEAK_MB, load.peak_mb)):
            bars.append(Bar(f"{load.name}: {what}", limit, level))  # type: ignore[arg-type] # one of the two
            figures[bars[-1].figure] = value
    return judge(figures, peers=False, bars=bars)


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure everything; return the report."""
    WORK.mkdir(parents=True, exist_ok=True)
    rows, planted = (3_700, 701) if quick else (ROWS, PLANTED)
    with tempfile.TemporaryDirectory(dir=WORK) as name:
        loads = measure(rows, planted, Path(name), 1 if quick else _TRIES)
    verdicts = hold_against_bars(loads)
    return {
        "schema": 1,
        "quick": quick,
        "rows": rows,
        "loads": [asdict(load) for load in loads],
        "bars": [{**asdict(verdict.bar), "value": verdict.value, "passed": verdict.passed} for verdict in verdicts],
    }


def print_report(report: dict[str, Any]) -> None:
    """Print what each comparison took, and the bars that were missed."""
    table = Table(title=f"`pointsman diff` of two runs of {report['rows']:,} rows each")
    for heading in ("planted, given as", "wall s", "CPU s", "peak MB", "right", "said"):
        table.add_column(heading)
    for load in report["loads"]:
        right = "yes" if load["right"] else "[bold red]NO[/]"
        table.add_row(
            load["name"],
            *(f"{load[key]:.2f}" for key in ("wall_s", "cpu_s")),
            f"{load['peak_mb']:.0f}",
            right,
            load["said"],
        )
    console = Console()
    console.print(table)
    for bar in report["bars"]:
        if not bar["passed"]:
            console.print(f"missed ({bar['level']}): {bar['figure']} is {bar['value']:.3g}, at most {bar['limit']:g}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return 1 if a bar is missed and `--check` was given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.divergence", description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="few rows: shows that it runs, measures nothing")
    parser.add_argument("--check", action="store_true", help="exit code 1 if a bar is missed")
    options = parser.parse_args(arguments)
    report = run(quick=options.quick)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print_report(report)
    missed = [bar for bar in report["bars"] if bar["level"] == "must" and not bar["passed"]]
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
