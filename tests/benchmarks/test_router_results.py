from pathlib import Path
from typing import Any

import pytest

from benchmarks.router.anchors.contestants import OURS
from benchmarks.router.bars import LINES, MISSED, NOT_MEASURED, ROWS, Line, places_of
from benchmarks.router.places import JOBS, SETS, Run
from benchmarks.router.results import (
    ResultsError,
    Summary,
    digest_of,
    empty,
    put,
    read,
    seeds_of,
    summary,
    verdict_of,
    write,
)

FULL = "banking77 full"


@pytest.fixture
def results() -> dict[str, Any]:
    made = empty("3.11", 2)
    put(made, Run(OURS, FULL, 0), {"accuracy": 92.0, "p50_us": 60.0}, date="2026-01-01", digest="d0", seconds=7.4)
    put(made, Run(OURS, FULL, 10), {"accuracy": 94.0}, date="2026-01-01", digest="d1", models={FULL: "m"})
    put(made, Run("fasttext", FULL, 0), {"accuracy": 87.05}, date="2026-01-01")
    return made


def test_results_come_back_as_they_were_written(tmp_path: Path, results: dict[str, Any]) -> None:
    """A table can be made again from the file alone."""
    write(tmp_path / "router.json", results)
    assert read(tmp_path / "router.json") == results


RUN = '{"date": "2026-01-01", "digest": "", "models": {}, "seconds": 1, "figures": {"accuracy": %s}}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"schema": 2}',
        '{"schema": 1, "runs": {}}',
        '{"schema": 2, "runs": {"s": {"c": {"0": %s}}}}' % (RUN % "NaN"),
        '{"schema": 2, "runs": {"s": {"c": {"0": %s}}}}' % (RUN % '"92"'),
        '{"schema": 2, "runs": {"s": {"c": {"first": %s}}}}' % (RUN % "92"),
        '{"schema": 2, "runs": {"s": {"c": {"0": {"date": "2026-01-01", "figures": {"accuracy": 92}}}}}}',
        '{"schema": 2, "runs": {"s": {"c": {"0": 3}}}}',
        '{"schema": 2, "runs": {}, "problems": {"s": {"c": 3}}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_file_is_refused_and_named(tmp_path: Path, text: str) -> None:
    """Figures that nobody measured never reach the table."""
    path = tmp_path / "router.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ResultsError, match=r"router\.json"):
        read(path)


def test_the_mean_and_spread_are_over_seeds(results: dict[str, Any]) -> None:
    """Two seeds, two points apart; one seed has no spread; what was not measured is not made up."""
    ours = summary(results, OURS, FULL, "accuracy")
    assert ours is not None
    assert ours == Summary(93.0, ours.spread, {0: 92.0, 10: 94.0})
    assert ours.spread == pytest.approx(2**0.5)
    assert summary(results, "fasttext", FULL, "accuracy") == Summary(87.05, 0.0, {0: 87.05})
    assert summary(results, OURS, FULL, "p50_us") == Summary(60.0, 0.0, {0: 60.0})
    assert summary(results, "tfidf", FULL, "accuracy") is None


def test_seeds_are_in_order_of_their_numbers(results: dict[str, Any]) -> None:
    """Ten comes after two, however JSON would sort it."""
    put(results, Run(OURS, FULL, 2), {"accuracy": 93.0}, date="2026-01-02")
    assert seeds_of(results, OURS, FULL) == [0, 2, 10]


def test_a_run_knows_what_it_hung_on(results: dict[str, Any]) -> None:
    """Resuming asks this; a run that never was is no run with an empty digest."""
    asked = [Run(OURS, FULL, 0), Run("fasttext", FULL, 0), Run(OURS, FULL, 1)]
    assert [digest_of(results, what) for what in asked] == ["d0", "", None]


def test_the_highest_level_that_passes_is_the_verdict() -> None:
    """Accuracy is good when it is large, time when it is small; not measured is no pass either way."""
    more = Line("r", "l", "a", "s", (91.5, 92.5, 93.3))
    less = Line("r", "l", "b", "s", (50, 30, None), at_least=False)
    assert [more.verdict(v) for v in (91.4, 91.5, 93.0, 93.3, None)] == [MISSED, "must", "goal", "beyond", NOT_MEASURED]
    assert [less.verdict(v) for v in (50.1, 50, 30)] == [MISSED, "must", "goal"]


def test_a_line_may_ask_for_one_level_alone_or_for_none() -> None:
    """A goal without a must cannot fail a must; a figure that is held against nothing has no verdict."""
    goal, shown = Line("r", "l", "a", "s", (None, 95, None)), Line("r", "l", "a", "s")
    assert [goal.verdict(v) for v in (94, 95, None)] == ["goal missed", "goal", NOT_MEASURED]
    assert [shown.verdict(v) for v in (94, None)] == ["", ""]


def test_the_mean_decides(results: dict[str, Any]) -> None:
    """92 and 94 are 93: past the goal, whatever one seed alone would say."""
    assert verdict_of(results, Line("r", "l", "accuracy", FULL, (91.5, 92.5, 93.3))) == "goal"


def test_every_line_has_a_row_and_somebody_who_measures_it() -> None:
    """No line of the table is without a command, and every row has a line."""
    assert {line.row for line in LINES} == set(ROWS)
    assert {line.at for line in LINES} <= {*SETS, *JOBS}
    assert len({(line.row, line.label) for line in LINES}) == len(LINES)


def test_a_row_needs_each_place_once() -> None:
    """Two rows that hang on the same models measure them once."""
    assert places_of(["decision", "load", "error-budget"]) == ["error-budget", "new-agents", FULL]
