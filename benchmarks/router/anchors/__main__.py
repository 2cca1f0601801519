"""Measure what others use to route, with ours beside it: `python -m benchmarks.router.anchors [--check] [--quick]`.

Every contestant trains in a process of its own on the same texts, and serves in another fresh one; one thread each.
What is finished is written after each contestant.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.bars import musts_missed
from benchmarks.peers.environments import BENCH, prepare
from benchmarks.peers.harness import MARK
from benchmarks.router.accuracy import DATA
from benchmarks.router.anchors.contestants import ANCHORS, OURS
from benchmarks.router.anchors.results import ResultsError, empty, figures_of, put, put_problem, read, verdicts, write
from benchmarks.router.anchors.table import markdown

ROOT: Final = Path(__file__).resolve().parents[3]
RESULTS: Final = ROOT / "benchmarks" / "results" / "router.json"
#: Name in the table, and the texts to learn from.
SETS: Final = {
    f"{name} {part}": (name, file)
    for name in ("banking77", "clinc150")
    for part, file in (("full", "train.jsonl"), ("train_10", "train_10.jsonl"))
}
_LIMIT_S: Final = 3600
_SERVINGS: Final = 3
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


def run(python: str, module: str, task: Mapping[str, Any]) -> dict[str, float]:
    """Give one process one task and return its figures.

    Raises:
        RuntimeError: it failed; with the last line of what it said.
    """
    command = [python, "-m", module]
    done = subprocess.run(
        command,
        input=json.dumps(task),
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
        env=_one_thread(),
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not answers:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    figures: dict[str, float] = json.loads(answers[-1].removeprefix(MARK))
    return figures


def measure(name: str, table_set: str, seed: int, *, quick: bool, train: bool = True) -> dict[str, float]:
    """Train one contestant on one set unless it is trained already, serve it afresh, return all figures.

    Of the figures of serving the least of several fresh processes counts: whatever else the machine does only adds.
    `others_load` is the load average just before serving: how much else the machine was doing.

    Raises:
        RuntimeError: its environment cannot be made, or it failed.
    """
    module = f"{__package__}.{OURS}" if name == OURS else ANCHORS[name].module
    python = sys.executable if name == OURS else str(prepare(ANCHORS[name]))
    source, file = SETS[table_set]
    task = {
        "train": str((DATA / source / file).resolve()),
        "dev": str((DATA / source / "dev.jsonl").resolve()),
        "unknown": str((DATA / source / "oos_dev.jsonl").resolve()) if source == "clinc150" else "",
        "seed": seed,
        "requests": 30 if quick else 300,
        "folder": str((BENCH / "models" / f"{name} {table_set} {seed}".replace(" ", "-")).absolute()),
    }
    trained = run(python, module, {**task, "step": "train"}) if train else {}
    load = os.getloadavg()[0]
    served = [run(python, module, {**task, "step": "serve"}) for _ in range(1 if quick else _SERVINGS)]
    least = {figure: min(one[figure] for one in served) for figure in served[0]}
    return {**trained, **least, "servings": len(served), "others_load": load}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for, print the table; return 1 if something could not be measured or a must is missed."""
    options = _options(arguments)
    try:
        results = read(options.json) if options.json.exists() else empty(platform.python_version(), os.cpu_count() or 1)
    except ResultsError as error:
        print(error, file=sys.stderr)
        return 2
    failed = 0
    if not options.table:
        for name, table_set, seed in itertools.product(options.contestants, options.sets, options.seeds):
            failed += not _take(results, name, table_set, seed, options)
            if not options.quick:
                write(options.json, results)
    print(markdown(results))
    missed = musts_missed(verdicts(results)) if options.check else []
    for verdict in missed:
        print(f"MUST MISSED: {verdict.bar.figure}: {verdict.value}, bar {verdict.bar.limit}", file=sys.stderr)
    return 1 if failed or missed else 0


def _take(results: dict[str, Any], name: str, table_set: str, seed: int, options: argparse.Namespace) -> bool:
    print(f"{name}: {table_set}, seed {seed}", file=sys.stderr, flush=True)
    date = dt.datetime.now(dt.UTC).date().isoformat()
    known = figures_of(results, name, table_set, seed) if options.serve_only else {}
    try:
        figures = measure(name, table_set, seed, quick=options.quick, train=not options.serve_only)
        put(results, name, table_set, seed, date, {**known, **figures})
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"NOT MEASURED: {name}, {table_set}: {error}", file=sys.stderr, flush=True)
        put_problem(results, name, table_set, str(error))
        return False
    return True


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    everyone = [OURS, *ANCHORS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.router.anchors", description=__doc__)
    parser.add_argument("--contestants", nargs="+", choices=everyone, default=everyone)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true", help="ten examples a label, few requests, nothing written")
    parser.add_argument("--serve-only", action="store_true", help="time again what an earlier run has trained")
    parser.add_argument("--table", action="store_true", help="measure nothing: print the table of the last runs")
    parser.add_argument("--check", action="store_true", help="return 1 if ours misses a must, or was not measured")
    parser.add_argument("--json", type=Path, default=RESULTS, help="file of results (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.quick:
        options.sets, options.seeds = [name for name in options.sets if name.endswith("10")], options.seeds[:1]
    return options


def _one_thread() -> dict[str, str]:
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    return {**os.environ, **dict.fromkeys(_THREADS, "1"), **quiet, "PYTHONPATH": str(ROOT)}


if __name__ == "__main__":
    sys.exit(main())
