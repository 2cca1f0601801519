"""The benchmark of big graphs runs, says what it measured, and its bars can fail. No time is asserted."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import big_graphs
from benchmarks.big_graphs import Figure, Pair, Refusal
from benchmarks.graph_shapes import SHAPES, Shape, make_tasks
from orchestrator.errors import CycleError
from orchestrator.plan import Plan

FIGURE = Figure(1.0, 1.0, 10.0)
PAIR = Pair("memory", "chain", FIGURE, Figure(20.0, 99.0, 200.0))
REFUSAL = Refusal("a plan", 0.5, 1.0, "it holds 10 at most")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_a_plan_of_its_size(shape: Shape) -> None:
    """Every shape has as many tasks as asked for, about one to two dependencies each, and no cycle."""
    tasks = make_tasks(shape, 300)
    assert len(Plan("p", tasks).tasks) == 300
    assert 299 <= sum(len(task.after) for task in tasks) <= 600


def test_the_cycle_goes_through_all() -> None:
    """The fourth shape is refused."""
    with pytest.raises(CycleError) as refusal:
        Plan("p", make_tasks("cycle", 300))
    assert len(refusal.value.cycle) == 300


def test_quick_run_reports_pairs_and_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way and shape has both sizes, measured in processes of their own; everything too large is refused."""
    monkeypatch.setattr(big_graphs, "TINY_SIZES", (20, 40))
    path = tmp_path / "figures.json"
    assert big_graphs.main(["--quick", "--json", str(path), "--through", "graph", "memory", "--shapes", "fan"]) == 0
    report = json.loads(path.read_text(encoding="utf-8"))
    assert [(pair["through"], pair["shape"]) for pair in report["pairs"]] == [("graph", "fan"), ("memory", "fan")]
    assert [len(refusal["words"]) > 0 for refusal in report["refusals"]] == [True] * 3


def test_a_bar_is_missed_by_what_grows_faster_than_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the tasks may take twice ten times CPU and memory, and no more; `--check` says so by its exit code."""
    assert PAIR.near_linear
    slow = replace(PAIR, large=replace(PAIR.large, cpu_s=20.1))
    assert not slow.near_linear
    assert not replace(PAIR, large=replace(PAIR.large, peak_mb=201.0)).near_linear
    assert not replace(PAIR, through="graph").near_linear
    assert replace(PAIR, through="graph", large=replace(PAIR.large, cpu_s=5.0)).near_linear
    monkeypatch.setattr(big_graphs, "measure_refusals", lambda *_: [REFUSAL])
    for pair, code in ((PAIR, 0), (slow, 1)):
        monkeypatch.setattr(big_graphs, "measure_pairs", lambda *_, pair=pair: [pair])
        assert big_graphs.main(["--quick", "--check"]) == code


def test_a_chain_on_a_disk_says_how_many_commits_it_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """One a task, or little more: whoever reads the wall time sees what it was spent on."""
    figure = big_graphs.measure_one("sqlite", "chain", 30)
    assert 30 <= figure.commits <= 45
    assert figure.fsync_s > 0
    big_graphs._print_pair(Pair("sqlite", "chain", FIGURE, replace(figure, wall_s=0.6, commits=300, fsync_s=0.0015)))
    assert "300 commits, 2.00 ms each; a raw fsync took 1.50 ms" in capsys.readouterr().out


@pytest.mark.parametrize("change", [{"cpu_s": 1.1}, {"words": ""}, {"words": "x" * 500}])
def test_a_refusal_is_missed_when_late_silent_or_endless(
    change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusing takes a second at most, and its message can be read."""
    assert REFUSAL.passed
    late = replace(REFUSAL, **change)  # type: ignore[arg-type]  # a field and its value
    assert not late.passed
    monkeypatch.setattr(big_graphs, "measure_pairs", lambda *_: [])
    monkeypatch.setattr(big_graphs, "measure_refusals", lambda *_: [late])
    assert big_graphs.main(["--quick", "--check"]) == 1
    assert big_graphs.main(["--quick"]) == 0


def test_work_that_was_not_done_has_no_figure() -> None:
    """A process that fails is an error, not a figure."""
    with pytest.raises(RuntimeError, match="no-such-shape"):
        big_graphs._in_a_process("graph", "no-such-shape", 10)  # type: ignore[arg-type]  # on purpose
