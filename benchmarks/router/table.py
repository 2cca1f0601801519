"""Table: ours and the anchors side by side as Markdown, a line a figure, what it must reach and what it reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from benchmarks.markdown_table import aligned
from benchmarks.router.anchors.contestants import ANCHORS, OURS
from benchmarks.router.bars import LEVELS, LINES, MISSED, NOT_MEASURED, ROWS, Line
from benchmarks.router.cited import CITED
from benchmarks.router.places import SETS
from benchmarks.router.results import Summary, problems, summary, verdict_of

UNSEEN: Final = (
    "A set nobody here has seen, ten examples an intent (75 / 78 / 83), cannot be measured here: there is none, and a"
    " set that was looked at is no such set."
)


def markdown(results: Mapping[str, Any], rows: Sequence[str] = tuple(ROWS)) -> str:
    """Return the table of some rows, what could not be measured, and which model files ours were."""
    head = ("row", "figure", *LEVELS, OURS, "by seed", *ANCHORS, "others, cited", "verdict")
    lines = [line for line in LINES if line.row in rows]
    missing = [f"Not measured: {who}, {at}: {reason}." for who, at, reason in problems(results)]
    days = " to ".join(_days(results)) or "never run"
    about = (
        f"Python {results['python']}, {results['cpus']} cores shared with other work, {days}; dev sets, mean ± spread."
    )
    return "\n\n".join((about, aligned(head, _rows(results, lines)), *missing, UNSEEN, *_models(results))) + "\n"


def musts_missed(results: Mapping[str, Any], rows: Sequence[str] = tuple(ROWS)) -> list[str]:
    """Return a sentence for each line of some rows whose must is missed, or that has never been run."""
    found = []
    for line in LINES:
        verdict = verdict_of(results, line)
        if line.row in rows and verdict in (MISSED, NOT_MEASURED):
            measured = summary(results, OURS, line.at, line.figure)
            value = f": {measured.mean:.{line.places}f}, bar {line.limits[0]:g}" if measured else ""
            found.append(f"{verdict.upper()}: {line.row}, {line.label}{value}")
    return found


def _days(results: Mapping[str, Any]) -> list[str]:
    runs = [run for at in results["runs"].values() for seeds in at.values() for run in seeds.values()]
    days = sorted({run["date"] for run in runs})
    return days[:1] + days[1:][-1:]


def _rows(results: Mapping[str, Any], lines: Sequence[Line]) -> Iterator[list[str]]:
    before = ""
    for line in lines:
        ours = summary(results, OURS, line.at, line.figure)
        limits = ["" if limit is None else f"{limit:g}" for limit in line.limits]
        others = [_cell(line, summary(results, who, line.at, line.figure)) for who in ANCHORS]
        verdict = verdict_of(results, line)
        strong = f"**{verdict}**" if verdict in (MISSED, NOT_MEASURED) else verdict
        title = ROWS[line.row] if line.row != before else ""
        cited = CITED.get((line.row, line.label), "")
        yield [title, line.label, *limits, _cell(line, ours), _by_seed(line, ours), *others, cited, strong]
        before = line.row


def _cell(line: Line, found: Summary | None) -> str:
    if found is None:
        return "-"
    mean = f"{found.mean:,.{line.places}f}"
    return f"{mean} ± {found.spread:.{line.places}f}" if len(found.by_seed) > 1 else mean


def _by_seed(line: Line, found: Summary | None) -> str:
    return "" if found is None else ", ".join(f"{s}: {value:,.{line.places}f}" for s, value in found.by_seed.items())


def _models(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield the model files of ours, by what they learnt; two where rows hang on different files of the same seed."""
    ours = [(int(seed), run) for at in results["runs"].values() for seed, run in at.get(OURS, {}).items()]
    for name in (*SETS, "bundled"):
        found = sorted({(seed, run["models"][name]) for seed, run in ours if name in run["models"]})
        distinct = sorted({digest for _, digest in found}) if name == "bundled" else [f"{s}: {d}" for s, d in found]
        if distinct:
            yield f"Model of {name}: {', '.join(distinct)}."
