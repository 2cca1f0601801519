"""Measure the kernel beside bare asyncio and a typed floor: `python -m benchmarks.kernel [--json FILE] [--quick]`."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import tables
from benchmarks.bars import Verdict, judge, musts_missed
from benchmarks.full_path import seconds_per_fsync
from benchmarks.measurement import FLAT_SIZES, TINY_FLAT_SIZES, Row, measure_flatness, measure_rows, steepness
from benchmarks.startup import ImportCost, RouterCost, measure_import, measure_router
from benchmarks.work import TINY, Sizes

PEERS: Final = Path(__file__).with_name("results") / "peers.json"
REPETITIONS: Final = 5


@dataclass(frozen=True, slots=True)
class Report:
    """All that one run measured."""

    rows: list[Row]
    flatness: dict[int, Row]
    router: RouterCost
    startup: ImportCost
    fsync_s: float
    autogen_graph: float | None
    quick: bool

    def row(self, name: str) -> Row:
        """Return a row by its name."""
        return next(row for row in self.rows if row.name == name)

    def figures(self) -> dict[str, float]:
        """Return the figures that the bars name."""
        names = ("publish", "fan_out", "request", "graph")
        figures = {f"{name}: times bare asyncio": self.row(name).ratio("pointsman") for name in names}
        figures["publish 1k to 1M: dearest by cheapest"] = steepness(self.flatness)
        figures["import orchestrator: CPU s"] = self.startup.cpu_s
        figures["import orchestrator: torch modules"] = self.startup.torch_modules
        if self.autogen_graph is not None:
            figures["full path: times autogen-core's bare path"] = (
                self.row("full").ratio("pointsman") / self.autogen_graph
            )
        return figures

    def verdicts(self) -> list[Verdict]:
        """Return the bars with their figures."""
        return judge(self.figures(), peers=self.autogen_graph is not None)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "schema": 1,
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "quick": self.quick,
            "rows": [row.to_json() for row in self.rows],
            "flatness": {str(size): row.to_json() for size, row in self.flatness.items()},
            "router": asdict(self.router),
            "import": asdict(self.startup),
            "fsync_s": self.fsync_s,
            "bars": [
                {**asdict(verdict.bar), "value": verdict.value, "passed": verdict.passed} for verdict in self.verdicts()
            ],
        }


def measure(*, quick: bool = False, peers: Path = PEERS) -> Report:
    """Measure everything; `quick` does next to nothing, once, to show that the benchmark itself works."""
    repetitions = 1 if quick else REPETITIONS
    return Report(
        rows=measure_rows(TINY if quick else Sizes(), repetitions),
        flatness=measure_flatness(TINY_FLAT_SIZES if quick else FLAT_SIZES, repetitions),
        router=measure_router(20 if quick else 2000, repetitions),
        startup=measure_import(repetitions),
        fsync_s=seconds_per_fsync(2 if quick else 30),
        autogen_graph=autogen_graph_ratio(peers),
        quick=quick,
    )


def autogen_graph_ratio(path: Path) -> float | None:
    """Return what autogen-core's graph costs in bare asyncio's graphs, from the peers' figures if they are there."""
    if not path.exists():
        return None
    results: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    autogen = next((peer for peer in results["contestants"] if peer["name"] == "autogen-core"), None)
    return autogen["rows"]["graph"]["ratio"] if autogen and "rows" in autogen else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return 1 if a must is missed and `--check` was given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernel", description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, once: shows that it runs, measures nothing")
    parser.add_argument("--check", action="store_true", help="exit code 1 if a must is missed")
    options = parser.parse_args(arguments)
    report = measure(quick=options.quick)
    content = report.to_json()
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    tables.print_kernel(content)
    return 1 if options.check and musts_missed(report.verdicts()) else 0


if __name__ == "__main__":
    sys.exit(main())
