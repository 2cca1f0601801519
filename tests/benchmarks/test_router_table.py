import re
from typing import Any

import pytest

from benchmarks.router.anchors.contestants import ANCHORS, OURS
from benchmarks.router.bars import LEVELS, LINES
from benchmarks.router.cited import CITED
from benchmarks.router.places import Run
from benchmarks.router.results import empty, put, put_problem
from benchmarks.router.table import UNSEEN, markdown, musts_missed

FULL = "banking77 full"


@pytest.fixture
def results() -> dict[str, Any]:
    made = empty("3.11", 2)
    for seed, accuracy in ((0, 92.0), (1, 94.0)):
        what = Run(OURS, FULL, seed)
        put(made, what, {"accuracy": accuracy, "p50_us": 60.0}, date=f"2026-01-0{seed + 1}", models={FULL: f"m{seed}"})
    put(made, Run("fasttext", FULL, 0), {"accuracy": 87.05}, date="2026-01-01")
    return made


def lines(text: str) -> list[list[str]]:
    return [re.split(r"\s*\|\s*", line)[1:-1] for line in text.splitlines() if line.startswith("|")]


def test_the_table_has_everybody_side_by_side(results: dict[str, Any]) -> None:
    """Bars, ours with mean, spread and each seed, theirs beside it, what others published, and the verdict."""
    head, _, first, *_ = lines(markdown(results))
    assert head == ["row", "figure", *LEVELS, OURS, "by seed", *ANCHORS, "others, cited", "verdict"]
    cited = CITED[("accuracy", "banking77")]
    ours = ["91.5", "92.5", "93.3", "93.0 ± 1.4", "0: 92.0, 1: 94.0"]
    assert first == ["all examples, accuracy %", "banking77", *ours, "-", "87.0", "-", "-", cited, "goal"]


def test_the_table_has_a_line_for_every_figure_of_the_rows_asked_for(results: dict[str, Any]) -> None:
    """What was never run stands there as not measured; other rows do not."""
    labels = [line[1] for line in lines(markdown(results, ["tools", "feedback"]))[2:]]
    assert labels == [line.label for line in LINES if line.row in ("tools", "feedback")]
    assert markdown(results, ["tools"]).count("**not measured**") == 2


def test_columns_stand_under_each_other(results: dict[str, Any]) -> None:
    """It is read in a terminal as well."""
    table = [line for line in markdown(results).splitlines() if line.startswith("|")]
    assert len({len(line) for line in table}) == 1


def test_dates_and_models_are_told(results: dict[str, Any]) -> None:
    """The last run is told from an older one, and a figure is of a file that there is."""
    text = markdown(results)
    assert "2026-01-01 to 2026-01-02" in text
    assert f"Model of {FULL}: 0: m0, 1: m1." in text
    assert UNSEEN in text


def test_rows_of_different_files_are_told(results: dict[str, Any]) -> None:
    """Accuracy and speed of one model: where reasons were measured with another file of seed 0, both are named."""
    put(results, Run(OURS, "reasons", 0), {"verified": 100.0}, date="2026-01-02", models={FULL: "m9"})
    assert f"Model of {FULL}: 0: m0, 0: m9, 1: m1." in markdown(results)


def test_who_could_not_be_measured_is_named_until_it_is(results: dict[str, Any]) -> None:
    """The reason stands under the table; a later run that succeeds takes it away."""
    what = Run("minilm", FULL, 0)
    put_problem(results, what, "no such package")
    assert "Not measured: minilm, banking77 full: no such package." in markdown(results)
    put(results, what, {"accuracy": 93.0}, date="2026-01-02")
    assert "Not measured:" not in markdown(results)


def test_only_musts_of_the_rows_asked_for_are_missed(results: dict[str, Any]) -> None:
    """60 µs misses the must of 50, banking77 passes it, and a row that was never run has missed it too."""
    missed = musts_missed(results, ["accuracy", "decision"])
    assert "MUST MISSED: decision, p50, words met before: 60.0, bar 50" in missed
    assert "NOT MEASURED: accuracy, clinc150" in missed
    assert not [sentence for sentence in missed if "banking77" in sentence or "tools" in sentence]


def test_what_is_cited_stands_beside_a_line_that_there_is() -> None:
    """A label that changes takes its cited figures along."""
    assert set(CITED) <= {(line.row, line.label) for line in LINES}
