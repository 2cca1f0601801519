import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bars import Bar, Verdict, musts_missed
from benchmarks.router.anchors.__main__ import main
from benchmarks.router.anchors.contestants import ANCHORS, OURS
from benchmarks.router.anchors.harness import accuracy_at_recall, auroc, calibration_error, percentile
from benchmarks.router.anchors.results import ResultsError, empty, put, put_problem, read, summary, verdicts, write
from benchmarks.router.anchors.table import markdown, reached
from benchmarks.router.bars import ELSEWHERE


@pytest.fixture
def results() -> dict[str, Any]:
    made = empty("3.11", 2)
    put(made, OURS, "banking77 full", 0, "2026-01-01", {"accuracy": 92.0, "p50_us": 60.0})
    put(made, OURS, "banking77 full", 1, "2026-01-01", {"accuracy": 94.0, "p50_us": 60.0})
    put(made, "fasttext", "banking77 full", 0, "2026-01-01", {"accuracy": 87.05})
    return made


def test_the_area_counts_ties_half() -> None:
    """By hand: of six pairs, four are won, one is tied and one is lost."""
    assert auroc([0.9, 0.5, 0.3], [0.5, 0.2]) == pytest.approx(4.5 / 6)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    """Nearest rank: the 99th of a hundred is the 99th, the median of four the second."""
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.99), percentile([4, 1, 3, 2], 0.5), percentile([7], 0.99)) == (99, 2, 7)


def test_what_is_turned_away_is_not_right() -> None:
    """One stranger of two scores 0.6: to turn both away, only what is above 0.6 and right counts."""
    assert accuracy_at_recall([True, True, False], [0.9, 0.5, 0.8], [0.6, 0.1], 0.95) == pytest.approx(1 / 3)


def test_sure_and_wrong_is_the_whole_error() -> None:
    """By hand: two answers at 0.75, one right, are 0.25 off; two at 1.0, none right, are wholly off."""
    assert calibration_error([True, False], [0.75, 0.75]) == pytest.approx(0.25)
    assert calibration_error([False, False], [1.0, 1.0]) == pytest.approx(1.0)


def test_results_come_back_as_they_were_written(tmp_path: Path, results: dict[str, Any]) -> None:
    """A table can be made again from the file alone."""
    write(tmp_path / "router.json", results)
    assert read(tmp_path / "router.json") == results


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"schema": 1}',
        '{"schema": 2, "runs": {}}',
        '{"schema": 1, "runs": {"s": {"c": {"0": {"date": "2026-01-01", "figures": {"accuracy": NaN}}}}}}',
        '{"schema": 1, "runs": {"s": {"c": {"0": {"date": "2026-01-01", "figures": {"accuracy": "92"}}}}}}',
        '{"schema": 1, "runs": {"s": {"c": {"0": {"figures": {"accuracy": 92}}}}}}',
        '{"schema": 1, "runs": {"s": {"c": {"0": 3}}}}',
        '{"schema": 1, "runs": {}, "problems": {"s": {"c": 3}}}',
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
    assert summary(results, OURS, "banking77 full", "accuracy") == pytest.approx((93.0, 2**0.5, 2))
    assert summary(results, "fasttext", "banking77 full", "accuracy") == (87.05, 0.0, 1)
    assert summary(results, "tfidf", "banking77 full", "accuracy") is None


def test_a_bar_may_ask_for_at_least() -> None:
    """Accuracy is good when it is large, time when it is small; not measured is a failure either way."""
    least, most = Bar("a", 90.0, at_least=True), Bar("b", 50.0)
    assert [Verdict(least, v).passed for v in (90.0, 89.9, None)] == [True, False, False]
    assert [Verdict(most, v).passed for v in (50.0, 50.1, None)] == [True, False, False]


def test_the_table_has_everybody_side_by_side(results: dict[str, Any]) -> None:
    """Ours with mean, spread and seeds, theirs beside it, the bars, and the level that ours reaches."""
    text = markdown(results)
    assert f"| figure | {OURS} | {' | '.join(ANCHORS)} |" in text
    assert "| accuracy, banking77 full | 93.0 ± 1.4 (2) | - | 87.0 | - | - | 91.5 / 92.5 / 93.3 | goal |" in text
    assert "**misses the must**" in text
    assert "not measured" in text


def test_who_could_not_be_measured_is_named_until_it_is(results: dict[str, Any]) -> None:
    """The reason stands under the table; a later run that succeeds takes it away."""
    put_problem(results, "minilm", "banking77 full", "no such package")
    assert "Not measured: minilm, banking77 full: no such package." in markdown(results)
    put(results, "minilm", "banking77 full", 0, "2026-01-02", {"accuracy": 93.0})
    assert "Not measured" not in markdown(results)


def test_a_figure_that_another_command_measures_says_which(results: dict[str, Any]) -> None:
    """No figure is made up for it, and the command is one that there is."""
    text = markdown(results)
    for figure, bars, command in ELSEWHERE:
        assert f"| {figure} | {bars} | `{command}` |" in text
        assert importlib.util.find_spec(command.split()[2])


def test_serving_again_keeps_what_training_gave(
    tmp_path: Path, results: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--serve-only` trains nothing: new times, the least of three processes, beside the old accuracy."""
    path = tmp_path / "router.json"
    write(path, results)
    times = iter([55.0, 45.0, 48.0])

    def serve(python: str, module: str, task: dict[str, Any]) -> dict[str, float]:
        assert (python != "", module.endswith(OURS), task["step"]) == (True, True, "serve")
        return {"p50_us": next(times)}

    monkeypatch.setattr("benchmarks.router.anchors.__main__.run", serve)
    chosen = ["--contestants", OURS, "--sets", "banking77 full", "--seeds", "0", "--serve-only", "--json", str(path)]
    assert main(chosen) == 0
    figures = read(path)["runs"]["banking77 full"][OURS]["0"]["figures"]
    assert (figures["accuracy"], figures["p50_us"], figures["servings"]) == (92.0, 45.0, 3)


def test_the_highest_level_that_passes_is_named() -> None:
    """Nothing passes at 91, the must alone at 92, everything at 94."""
    bars = [Bar("a", 91.5, "must", at_least=True), Bar("a", 93.3, "beyond", at_least=True)]
    found = [reached([Verdict(bar, value) for bar in bars]) for value in (91.0, 92.0, 94.0)]
    assert found == ["**misses the must**", "must", "beyond"]


def test_a_must_that_is_missed_or_not_measured_decides(results: dict[str, Any]) -> None:
    """60 µs misses the must of 50; banking77's accuracy does not."""
    missed = {verdict.bar.figure for verdict in musts_missed(verdicts(results))}
    assert {"p50_us, banking77 full", "auroc, clinc150 full"} <= missed
    assert "accuracy, banking77 full" not in missed


def test_check_fails_on_a_must(tmp_path: Path, results: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` is what a pipeline runs; without it the same table is printed and all is well."""
    path = tmp_path / "router.json"
    write(path, results)
    assert main(["--table", "--json", str(path)]) == 0
    assert main(["--table", "--check", "--json", str(path)]) == 1
    assert "MUST MISSED: p50_us, banking77 full: 60.0, bar 50" in capsys.readouterr().err


def test_a_damaged_file_stops_before_anything_is_measured(tmp_path: Path) -> None:
    """Exit code 2, as for any wrong input."""
    path = tmp_path / "router.json"
    path.write_text(json.dumps({"schema": 9}), "utf-8")
    assert main(["--json", str(path)]) == 2
