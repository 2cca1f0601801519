"""Results: the file of figures of everybody, read with suspicion; mean and spread over seeds; verdicts."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.router.anchors.contestants import OURS
from benchmarks.router.bars import Line
from benchmarks.router.places import Run

SCHEMA: Final = 2
_MAX_BYTES: Final = 4_000_000


class ResultsError(ValueError):
    """Raised when a file of results is damaged or of another version."""


def empty(python: str, cpus: int) -> dict[str, Any]:
    """Return results without any run."""
    return {"schema": SCHEMA, "python": python, "cpus": cpus, "runs": {}}


def put(
    results: dict[str, Any],
    what: Run,
    figures: Mapping[str, float],
    *,
    date: str,
    digest: str = "",
    models: Mapping[str, str] | None = None,
    seconds: float = 0.0,
) -> None:
    """Keep one run in place of an earlier one of the same contestant, place and seed.

    Args:
        results: Changed in place.
        what: Who, where, with which seed.
        figures: By name; finite numbers.
        date: Of the day, ISO 8601.
        digest: Over what the figures hang on, see `places.digest`; empty where nobody knows it any more.
        models: Digest of each model file of ours, by the set that it learnt.
        seconds: How long it took.
    """
    rounded = {figure: round(value, 4) for figure, value in figures.items()}
    run = {"date": date, "digest": digest, "models": dict(models or {}), "seconds": round(seconds), "figures": rounded}
    results["runs"].setdefault(what.at, {}).setdefault(what.who, {})[str(what.seed)] = run
    results.get("problems", {}).get(what.at, {}).pop(what.who, None)


def copy_run(results: Mapping[str, Any], other: dict[str, Any], what: Run) -> None:
    """Bring what is known of one run, its figures or why there are none, from one set of results into another."""
    run = results["runs"].get(what.at, {}).get(what.who, {}).get(str(what.seed))
    reason = results.get("problems", {}).get(what.at, {}).get(what.who)
    if reason is not None:
        put_problem(other, what, reason)
    elif run is not None:
        other["runs"].setdefault(what.at, {}).setdefault(what.who, {})[str(what.seed)] = run
        other.get("problems", {}).get(what.at, {}).pop(what.who, None)


def put_problem(results: dict[str, Any], what: Run, reason: str) -> None:
    """Keep why a contestant has no figures of a place."""
    results.setdefault("problems", {}).setdefault(what.at, {})[what.who] = reason


def problems(results: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return contestant, set and reason of everything that could not be measured."""
    found = results.get("problems", {}).items()
    return [(name, table_set, reason) for table_set, reasons in found for name, reason in reasons.items()]


def digest_of(results: Mapping[str, Any], what: Run) -> str | None:
    """Return what the figures of a run hung on when it was done; None where there is no such run."""
    run = results["runs"].get(what.at, {}).get(what.who, {}).get(str(what.seed))
    return None if run is None else str(run["digest"])


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
        raise ResultsError(f"{path}: a run is damaged: runs > place > contestant > seed > date, digest, figures, ...")
    return results


class Summary(NamedTuple):
    """A figure over seeds: mean, standard deviation (0 of one seed), and the value of each seed, in their order."""

    mean: float
    spread: float
    by_seed: Mapping[int, float]


def summary(results: Mapping[str, Any], who: str, at: str, figure: str) -> Summary | None:
    """Return a figure over seeds; None where it was not measured."""
    runs = results["runs"].get(at, {}).get(who, {})
    figures = {seed: runs[str(seed)]["figures"] for seed in seeds_of(results, who, at)}
    by_seed = {seed: found[figure] for seed, found in figures.items() if figure in found}
    if not by_seed:
        return None
    values = list(by_seed.values())
    return Summary(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0, by_seed)


def seeds_of(results: Mapping[str, Any], who: str, at: str) -> list[int]:
    """Return the seeds that were run, in order."""
    return sorted(int(seed) for seed in results["runs"].get(at, {}).get(who, {}))


def verdict_of(results: Mapping[str, Any], line: Line) -> str:
    """Return what our mean over seeds reaches of a line; what was not measured has not passed."""
    found = summary(results, OURS, line.at, line.figure)
    return line.verdict(found.mean if found else None)


def _well_formed(results: Mapping[str, Any]) -> bool:
    runs = [run for at in _values(results.get("runs")) for seeds in _values(at) for run in _values(seeds)]
    figures = [_values(run.get("figures")) if isinstance(run, dict) else [None] for run in runs]
    reasons = [reason for at in _values(results.get("problems", {})) for reason in _values(at)]
    dated = all(_is_run(run) for run in runs)
    seeds = [seed for at in _values(results.get("runs")) for by in _values(at) if isinstance(by, dict) for seed in by]
    sound = all(_is_figure(value) for values in figures for value in values)
    return dated and sound and all(map(str.isdecimal, seeds)) and all(isinstance(reason, str) for reason in reasons)


def _is_run(run: object) -> bool:
    if not isinstance(run, dict) or not all(isinstance(run.get(key), str) for key in ("date", "digest")):
        return False
    return isinstance(run.get("models"), dict) and _is_figure(run.get("seconds"))


def _values(mapping: object) -> list[Any]:
    return list(mapping.values()) if isinstance(mapping, dict) else [None]


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
