"""Measure the peers, with Pointsman among them: `python -m benchmarks.peers [--json FILE] [--quick]`.

Every repetition starts one process for each contestant, one after the other, so that a noisy moment hits all alike.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import tables
from benchmarks.peers.environments import PEERS, prepare
from benchmarks.peers.harness import MARK

RESULTS: Final = Path(__file__).parents[1] / "results" / "peers.json"
REPETITIONS: Final = 5
_LIMIT_S: Final = 300


class Entry:
    """A contestant: how it is started, what it answered, or what kept it from answering."""

    def __init__(self, name: str, version: str, module: str, python: str = "", problem: str = "") -> None:
        self.name, self.version, self.module = name, version, module
        self.python, self.problem = python, problem
        self.samples: list[Mapping[str, Any]] = []

    def run(self, *, quick: bool) -> None:
        """Run one repetition in a process of its own; a contestant that failed once is out."""
        if self.problem:
            return
        command = [self.python, "-m", self.module, *(["--quick"] if quick else [])]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_LIMIT_S, check=False, env=_environment()
            )
        except subprocess.TimeoutExpired:
            self.problem = f"no answer within {_LIMIT_S} s"
            return
        answers = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
        if done.returncode or not answers:
            self.problem = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            return
        answer = json.loads(answers[-1].removeprefix(MARK))
        self.version = answer["version"]
        self.samples.append(answer["rows"])

    def to_json(self) -> dict[str, Any]:
        """Return medians by row, or the problem."""
        about: dict[str, Any] = {"name": self.name, "version": self.version}
        if self.problem:
            return {**about, "problem": self.problem}
        return {**about, "rows": {row: self._row(row) for row in self.samples[0]}}

    def _row(self, row: str) -> dict[str, Any]:
        samples = [sample[row] for sample in self.samples]
        return {
            "n": samples[0]["n"],
            "cpu_us": round(statistics.median(sample["us"] for sample in samples), 3),
            "wall_us": round(statistics.median(sample["wall_us"] for sample in samples), 3),
            "asyncio_cpu_us": round(statistics.median(sample["asyncio_us"] for sample in samples), 3),
            "ratio": round(statistics.median(sample["us"] / sample["asyncio_us"] for sample in samples), 3),
            "samples_cpu_us": [round(sample["us"], 3) for sample in samples],
        }


def measure(*, quick: bool, only: Sequence[str] = ()) -> dict[str, Any]:
    """Install what is missing, run all repetitions, return the results."""
    entries = [Entry("pointsman", "", "benchmarks.peers.pointsman", sys.executable)]
    for peer in PEERS:
        if only and peer.distribution not in only:
            continue
        entry = Entry(peer.distribution, peer.version, peer.module)
        try:
            entry.python = str(prepare(peer))
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            entry.problem = str(error)
        entries.append(entry)
    for number in range(1 if quick else REPETITIONS):
        for entry in entries:
            print(f"repetition {number + 1}: {entry.name}", file=sys.stderr, flush=True)
            entry.run(quick=quick)
    return {
        "schema": 1,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "quick": quick,
        "contestants": [entry.to_json() for entry in entries],
        "comparison": compare(entries),
    }


def compare(entries: Sequence[Entry]) -> dict[str, float]:
    """Return what matters most: the full path per task beside autogen-core's bare path, within each repetition."""
    by_name = {entry.name: entry for entry in entries if not entry.problem}
    ours, theirs = by_name.get("pointsman"), by_name.get("autogen-core")
    if ours is None or theirs is None:
        return {}
    pairs = list(zip(ours.samples, theirs.samples, strict=True))
    figures = {}
    for row in ("graph", "graph_untraced"):
        label = f"full path by autogen-core's {row.replace('_', ' ')}"
        figures[label] = _median_ratio((us["everything_on"]["us"], them[row]["us"]) for us, them in pairs)
        figures[f"{label}, each in units of bare asyncio in its own process"] = _median_ratio(
            (_in_asyncios(us["everything_on"]), _in_asyncios(them[row])) for us, them in pairs
        )
    return figures


def _in_asyncios(sample: Mapping[str, float]) -> float:
    return sample["us"] / sample["asyncio_us"]


def _median_ratio(pairs: Iterable[tuple[float, float]]) -> float:
    return round(statistics.median(ours / theirs for ours, theirs in pairs), 3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return 1 if a contestant could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--json", type=Path, default=RESULTS, help="file to write (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, once: shows that it runs, measures nothing")
    parser.add_argument("--only", action="append", default=[], help="a peer to run; may be given again")
    options = parser.parse_args(arguments)
    results = measure(quick=options.quick, only=options.only)
    if not options.quick:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    tables.print_peers(results)
    missing = [entry for entry in results["contestants"] if "problem" in entry]
    for entry in missing:
        print(f"NOT MEASURED: {entry['name']} {entry['version']}: {entry['problem']}", file=sys.stderr)
    return 1 if missing else 0


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


if __name__ == "__main__":
    sys.exit(main())
