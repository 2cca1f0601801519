"""Table: ours and the anchors side by side as Markdown, with the bars and where we stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from benchmarks.bars import Verdict
from benchmarks.markdown_table import table
from benchmarks.router.anchors.contestants import ANCHORS, OURS
from benchmarks.router.anchors.results import problems, summary, verdicts
from benchmarks.router.bars import ELSEWHERE

_EVERYONE = (OURS, *ANCHORS)
_PLACES = {"auroc": 3, "ece": 3, "load_s": 2}


def markdown(results: Mapping[str, Any]) -> str:
    """Return the tables: a row a figure, a column a contestant, the bars, the level of ours; then what is elsewhere."""
    head = ("figure", *_EVERYONE, "must / goal / beyond", "ours reaches")
    about = (
        f"Python {results['python']}, {results['cpus']} cores shared with other work, {' to '.join(_days(results))}."
    )
    missing = [f"Not measured: {who}, {table_set}: {reason}." for who, table_set, reason in problems(results)]
    elsewhere = table(("not measured by this run", "must / goal / beyond", "command"), _elsewhere())
    return "\n\n".join((about, table(head, _rows(results)), *missing, elsewhere)) + "\n"


def _days(results: Mapping[str, Any]) -> list[str]:
    runs = [run for at in results["runs"].values() for seeds in at.values() for run in seeds.values()]
    days = sorted({run["date"] for run in runs})
    return days[:1] + days[1:][-1:]


def _elsewhere() -> Iterator[list[str]]:
    for figure, bars, command in ELSEWHERE:
        yield [figure, bars, f"`{command}`"]


def _rows(results: Mapping[str, Any]) -> Iterator[list[str]]:
    judged = verdicts(results)
    for figure, of_figure in groupby(judged, key=lambda verdict: verdict.bar.figure):
        group = list(of_figure)
        name, table_set = figure.split(", ")
        cells = [_cell(name, summary(results, who, table_set, name)) for who in _EVERYONE]
        bars = " / ".join(f"{verdict.bar.limit:g}" for verdict in group)
        yield [figure, *cells, bars, reached(group)]


def reached(group: Sequence[Verdict]) -> str:
    """Return the highest level that one figure passes, or that it misses the must or was not measured."""
    if group[0].value is None:
        return "not measured"
    passed = [verdict.bar.level for verdict in group if verdict.passed]
    return passed[-1] if passed else "**misses the must**"


def _cell(figure: str, found: tuple[float, float, int] | None) -> str:
    if found is None:
        return "-"
    mean, spread, seeds = found
    places = _PLACES.get(figure, 1)
    return f"{mean:,.{places}f} ± {spread:.{places}f} ({seeds})" if seeds > 1 else f"{mean:,.{places}f}"
