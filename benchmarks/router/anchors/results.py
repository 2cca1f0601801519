"""Results: the file of figures of all contestants, read with suspicion; mean and spread over seeds; verdicts."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.bars import Verdict, judge
from benchmarks.router.anchors.contestants import OURS
from benchmarks.router.bars import ROUTER_BARS

SCHEMA: Final = 1
_MAX_BYTES: Final = 4_000_000


class ResultsError(ValueError):
    """Raised when a file of results is damaged or of another version."""


def empty(python: str, cpus: int) -> dict[str, Any]:
    """Return results without any run."""
    return {"schema": SCHEMA, "python": python, "cpus": cpus, "runs": {}}


def put(results: dict[str, Any], name: str, table_set: str, seed: int, date: str, figures: Mapping[str, float]) -> None:
    """Keep one run in place of an earlier one of the same contestant, set and seed."""
    run = {"date": date, "figures": {figure: round(value, 4) for figure, value in figures.items()}}
    results["runs"].setdefault(table_set, {}).setdefault(name, {})[str(seed)] = run
    results.get("problems", {}).get(table_set, {}).pop(name, None)


def put_problem(results: dict[str, Any], name: str, table_set: str, reason: str) -> None:
    """Keep why a contestant has no figures of a set."""
    results.setdefault("problems", {}).setdefault(table_set, {})[name] = reason


def problems(results: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return contestant, set and reason of everything that could not be measured."""
    found = results.get("problems", {}).items()
    return [(name, table_set, reason) for table_set, reasons in found for name, reason in reasons.items()]


def figures_of(results: Mapping[str, Any], name: str, table_set: str, seed: int) -> dict[str, float]:
    """Return the figures of one run; empty where there is none."""
    run = results["runs"].get(table_set, {}).get(name, {}).get(str(seed), {"figures": {}})
    return dict(run["figures"])


def write(path: Path, results: Mapping[str, Any]) -> None:
    """Write the results so that an interruption leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)


def read(path: Path) -> dict[str, Any]:
    """Read a file of results.

    Raises:
        ResultsError: it is too large, no JSON, of another version, or a figure is no finite number.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise ResultsError(f"{path}: larger than {_MAX_BYTES:,} bytes; delete it and measure again")
    try:
        results = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path}: no JSON ({error}); delete it and measure again") from error
    if not isinstance(results, dict) or results.get("schema") != SCHEMA:
        raise ResultsError(f"{path}: not results of schema {SCHEMA}; delete it and measure again")
    if not _well_formed(results):
        raise ResultsError(f"{path}: a run is damaged: runs > set > contestant > seed > date, figures, finite numbers")
    return results


def summary(results: Mapping[str, Any], name: str, table_set: str, figure: str) -> tuple[float, float, int] | None:
    """Return mean, standard deviation and number of seeds of a figure; None where it was not measured."""
    runs = results["runs"].get(table_set, {}).get(name, {})
    values = [run["figures"][figure] for run in runs.values() if figure in run["figures"]]
    if not values:
        return None
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0, len(values)


def verdicts(results: Mapping[str, Any]) -> list[Verdict]:
    """Hold our own means against the bars; what was not measured has not passed."""
    figures: dict[str, float] = {}
    for bar in ROUTER_BARS:
        figure, table_set = bar.figure.split(", ")
        found = summary(results, OURS, table_set, figure)
        if found:
            figures[bar.figure] = found[0]
    return judge(figures, peers=True, bars=ROUTER_BARS)


def _well_formed(results: Mapping[str, Any]) -> bool:
    runs = [run for at in _values(results.get("runs")) for seeds in _values(at) for run in _values(seeds)]
    figures = [_values(run.get("figures")) if isinstance(run, dict) else [None] for run in runs]
    reasons = [reason for at in _values(results.get("problems", {})) for reason in _values(at)]
    dated = all(isinstance(run, dict) and isinstance(run.get("date"), str) for run in runs)
    sound = all(_is_figure(value) for values in figures for value in values)
    return dated and sound and all(isinstance(reason, str) for reason in reasons)


def _values(mapping: object) -> list[Any]:
    return list(mapping.values()) if isinstance(mapping, dict) else [None]


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
