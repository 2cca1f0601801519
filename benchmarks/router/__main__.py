"""The router's table, ours beside what others use: `python -m benchmarks.router [--rows ROW ...] [--show] [--check]`.

What is measured with the code, the models and the texts of today is not measured again, so an interrupted run goes on
where it was; every result is written when it is there, and the table into `docs/router.md` at the end. Models are
trained once a set, a number of examples and a seed, and kept under `.bench/models`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.markdown import write_router_page
from benchmarks.router.anchors.contestants import EVERYONE, OURS
from benchmarks.router.bars import ROWS, places_of
from benchmarks.router.contest import measure, model_digests
from benchmarks.router.data import DATA, ROOT
from benchmarks.router.places import Run, digest, plan
from benchmarks.router.results import ResultsError, copy_run, digest_of, empty, put, put_problem, read, write
from benchmarks.router.table import markdown, musts_missed

RESULTS: Final = ROOT / "benchmarks" / "results" / "router.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for and is not there yet, print the table.

    Returns:
        1 if something could not be measured, or with `--check` a must is missed or was never measured; 2 for wrong
        input.
    """
    options = _options(arguments)
    try:
        results = read(options.json) if options.json.exists() else empty(platform.python_version(), os.cpu_count() or 1)
    except ResultsError as error:
        print(error, file=sys.stderr)
        return 2
    if not (options.show or DATA.is_dir()):
        print(f"{DATA}: no data here; set POINTSMAN_DATA", file=sys.stderr)
        return 2
    wanted = plan(places_of(options.rows), options.contestants, options.seeds)
    failed = 0 if options.show else _measure_all(results, wanted, options)
    if options.show and DATA.is_dir() and (left := len(stale(results, wanted))):
        print(f"{left} of {len(wanted)} runs: never done, or with other code, models or texts", file=sys.stderr)
    print(markdown(results, options.rows))
    if options.json == RESULTS and not (options.show or options.quick):
        write_router_page(results)
    missed = musts_missed(results, options.rows) if options.check else []
    for sentence in missed:
        print(sentence, file=sys.stderr)
    return 1 if failed or missed else 0


def stale(results: dict[str, Any], runs: Sequence[Run]) -> list[Run]:
    """Return what was never run, or with other code, models or texts than those of today."""
    return [what for what in runs if digest_of(results, what) != digest(what.who, what.at)]


def _measure_all(results: dict[str, Any], wanted: Sequence[Run], options: argparse.Namespace) -> int:
    left = wanted if options.again or options.quick else stale(results, wanted)
    print(f"{len(wanted) - len(left)} of {len(wanted)} runs are there already", file=sys.stderr, flush=True)
    failed = 0
    for at, what in enumerate(left, start=1):
        begun = time.perf_counter()
        problem = _take(results, what, options)
        failed += bool(problem)
        state = f"NOT MEASURED: {problem}" if problem else "done"
        took = f"{time.perf_counter() - begun:.0f} s"
        print(
            f"[{at}/{len(left)}] {what.at}: {what.who}, seed {what.seed}: {state}, {took}", file=sys.stderr, flush=True
        )
        if not options.quick:
            _write(options.json, results, what)
    return failed


def _write(path: Path, results: dict[str, Any], what: Run) -> None:
    """Write one run beside what another process may have written meanwhile, and know that from now on."""
    on_disk = read(path) if path.exists() else results
    copy_run(results, on_disk, what)
    write(path, on_disk)
    results.update(on_disk)


def _take(results: dict[str, Any], what: Run, options: argparse.Namespace) -> str:
    """Measure one run and keep it; return why it could not be."""
    date, begun = dt.datetime.now(dt.UTC).date().isoformat(), time.perf_counter()
    today = digest(what.who, what.at)
    try:
        figures = measure(what, quick=options.quick)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        put_problem(results, what, str(error))
        return str(error)
    took = time.perf_counter() - begun
    put(results, what, figures, date=date, digest=today, models=model_digests(what), seconds=took)
    return ""


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.router", description=__doc__)
    parser.add_argument(
        "--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW", help=", ".join(ROWS)
    )
    parser.add_argument(
        "--contestants", nargs="+", choices=list(EVERYONE), default=list(EVERYONE), help="who takes part"
    )
    parser.add_argument("--ours", action="store_const", const=[OURS], dest="contestants", help="ours alone, no anchors")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--again", action="store_true", help="measure again what is there already; models stay")
    parser.add_argument("--quick", action="store_true", help="ten examples a label, few requests, nothing written")
    parser.add_argument("--show", action="store_true", help="measure nothing: print the table of the last runs")
    parser.add_argument("--check", action="store_true", help="return 1 where a must is missed or was never measured")
    parser.add_argument("--json", type=Path, default=RESULTS, help="file of results (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rows, options.seeds = ["ten"], options.seeds[:1]
    return options


if __name__ == "__main__":
    sys.exit(main())
