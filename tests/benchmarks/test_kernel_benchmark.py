"""The benchmark runs, reports every row, and its bars can fail. No time is asserted."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import bars, kernel, measurement, startup, work
from benchmarks.peers.__main__ import Entry, compare


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `--quick --json FILE` writes."""
    path = tmp_path_factory.mktemp("kernel") / "kernel.json"
    with pytest.MonkeyPatch.context() as patch:  # 64 collections, each of all that the tests before have loaded
        patch.setattr(work, "gc", SimpleNamespace(collect=int))
        assert kernel.main(["--quick", "--json", str(path)]) == 0
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


@pytest.mark.timeout(120)
def test_quick_run_reports_every_row(report: dict[str, Any]) -> None:
    """Each row has bare asyncio, the typed floor and Pointsman, with a cost above nothing and a ratio."""
    assert [row["name"] for row in report["rows"]] == ["publish", "fan_out", "request", "graph", "full"]
    for row in report["rows"]:
        assert set(row["cpu_us"]) == {"asyncio", "typed floor", "pointsman"}
        assert all(us > 0 for us in row["cpu_us"].values())
        assert row["ratio"]["asyncio"] == 1


def test_quick_run_reports_the_single_figures(report: dict[str, Any]) -> None:
    """Flatness, router, import and fsync are there, and the report says that it was a quick one."""
    assert report["quick"]
    assert len(report["flatness"]) == len(measurement.TINY_FLAT_SIZES)
    assert report["router"]["agents"] == 6
    assert report["import"]["modules"] > 0
    assert report["fsync_s"] > 0


def test_quick_run_judges_every_must(report: dict[str, Any]) -> None:
    """No must goes unjudged, whether it is reached or not."""
    judged = {bar["figure"] for bar in report["bars"]}
    assert judged >= {bar.figure for bar in bars.BARS if not bar.needs_peers}
    assert all(bar["value"] is not None for bar in report["bars"])


def test_importing_the_package_does_not_import_torch(report: dict[str, Any]) -> None:
    """A count, not a time: it holds on every machine."""
    assert report["import"]["torch_modules"] == 0


def made_up_figures(**changes: float) -> dict[str, float]:
    """Figures that reach every bar, but for the changes."""
    return {**{bar.figure: bar.limit for bar in reversed(bars.BARS)}, **changes}


def test_figures_at_their_limits_pass() -> None:
    """A limit is the largest figure that passes."""
    figures = made_up_figures(**{"full path: times autogen-core's bare path": 0.5})
    assert all(verdict.passed for verdict in bars.judge(figures, peers=True))


@pytest.mark.parametrize("bar", [bar for bar in bars.BARS if bar.level == "must"], ids=lambda bar: bar.figure)
def test_a_figure_above_its_limit_misses_the_must(bar: bars.Bar) -> None:
    """Every must can fail, and is the one that is named."""
    figures = made_up_figures(**{bar.figure: bar.limit + 0.01})
    missed = bars.musts_missed(bars.judge(figures, peers=True))
    assert [verdict.bar for verdict in missed] == [bar]


def test_a_figure_that_was_not_measured_misses_its_must() -> None:
    """Silence is not a pass."""
    figures = made_up_figures()
    del figures["request: times bare asyncio"]
    missed = bars.musts_missed(bars.judge(figures, peers=True))
    assert [verdict.value for verdict in missed] == [None]


def test_a_goal_that_is_missed_is_reported_and_no_must() -> None:
    """Between goal and must: reported as missed, exit code unchanged."""
    figures = made_up_figures(**{"full path: times autogen-core's bare path": 1.5})
    verdicts = bars.judge(figures, peers=True)
    assert {verdict.bar.level for verdict in verdicts if not verdict.passed} == {"goal", "beyond"}
    assert not bars.musts_missed(verdicts)


def test_bars_beside_peers_need_peers() -> None:
    """Without the peers' figures they are not judged."""
    assert not any(verdict.bar.needs_peers for verdict in bars.judge(made_up_figures(), peers=False))


def test_check_makes_a_missed_must_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--check` returns 1 where a must is missed; without it the table alone says so."""
    hopeless = kernel.Report(
        rows=[made_up_row(name) for name in ("publish", "fan_out", "request", "graph", "full")],
        flatness={1: made_up_row("publish"), 2: made_up_row("publish")},
        router=startup.RouterCost("made up", 6, 1, 1, 1, 1, 1, 1),
        startup=startup.ImportCost(cpu_s=9.0, modules=1, torch_modules=0),
        fsync_s=1.0,
        autogen_graph=None,
        quick=False,
    )
    monkeypatch.setattr(kernel, "measure", lambda **_: hopeless)
    assert kernel.main([]) == 0
    assert kernel.main(["--check"]) == 1


def test_a_ratio_is_taken_within_each_repetition() -> None:
    """By hand: 10/1, 40/2 and 30/10 are 10, 20 and 3; the median is 10, although that of the costs is 30/2."""
    row = measurement.Row("publish", 1, {"asyncio": [1.0, 2.0, 10.0], "pointsman": [10.0, 40.0, 30.0]})
    assert row.ratio("pointsman") == 10


def test_steepness_is_taken_in_units_of_bare_asyncio() -> None:
    """By hand: 3 of 1 and 8 of 2 are 3 and 4 asyncios: a third dearer, although the microseconds nearly tripled."""
    rows = {
        1: measurement.Row("publish", 1, {"asyncio": [1.0], "pointsman": [3.0]}),
        2: measurement.Row("publish", 2, {"asyncio": [2.0], "pointsman": [8.0]}),
    }
    assert measurement.steepness(rows) == pytest.approx(4 / 3)


def test_the_graph_is_layered() -> None:
    """Each task waits for two of the layer before, those of the first layer for none."""
    nodes = work.layered_graph(3, 4)
    assert len(nodes) == 12
    assert [len(node.after) for node in nodes] == [0] * 4 + [2] * 8
    assert nodes[7].after == ("t0-3", "t0-0")


def test_work_that_was_not_done_has_no_cost() -> None:
    """A contestant that loses events gets no figure."""
    with pytest.raises(RuntimeError, match="not done as stated"):
        work.require(right=False, what="publish")


def test_a_peer_that_cannot_be_installed_is_reported() -> None:
    """It keeps its place in the results, with the reason."""
    entry = Entry("absent", "1.0", "benchmarks.peers.absent", problem="absent==1.0 cannot be installed: no such thing")
    entry.run(quick=True)
    assert entry.to_json() == {"name": "absent", "version": "1.0", "problem": entry.problem}


def test_the_comparison_is_taken_within_each_repetition() -> None:
    """By hand: the full path costs 30 and then 60, autogen-core's graph 10 and then 60; the median of 3 and 1 is 2."""
    ours, theirs = Entry("pointsman", "1", "a"), Entry("autogen-core", "1", "b")
    for us, them in ((30.0, 10.0), (60.0, 60.0)):
        ours.samples.append({"everything_on": {"us": us, "asyncio_us": 1.0}})
        theirs.samples.append({name: {"us": them, "asyncio_us": 1.0} for name in ("graph", "graph_untraced")})
    assert set(compare([ours, theirs]).values()) == {2.0}


def test_the_results_that_are_checked_in_name_every_peer() -> None:
    """Whoever is missing there is missing with a reason."""
    results = json.loads((Path(kernel.__file__).parent / "results" / "peers.json").read_text(encoding="utf-8"))
    names = {contestant["name"] for contestant in results["contestants"]}
    assert names == {"pointsman", "autogen-core", "agent-framework-core", "langgraph", "llama-index-workflows"}
    assert all("rows" in contestant or contestant["problem"] for contestant in results["contestants"])


def made_up_row(name: str) -> measurement.Row:
    """A row in which everybody costs the same."""
    costs = {who: [1.0] for who in ("asyncio", "typed floor", "pointsman")}
    return measurement.Row(name, 1, costs, dict(costs))
