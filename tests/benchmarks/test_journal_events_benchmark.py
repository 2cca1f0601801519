import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import journal_events
from benchmarks.journal_events import Load, hold_against_bars

LOADS = [
    Load(64, 200_000, 9000.0, 64.0, 150.0, 60.0, 30.0, 6.0, 20.0, 0.2),
    Load(512, 1_000_000, 20_000.0, 512.0, 150.0, 133.0, 26.0, 24.0, 88.0, 0.1),
]


def test_it_runs_and_writes_its_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In small: every event is on the disk, shares its commit, and is verified; the bars are all judged."""
    monkeypatch.setattr(journal_events, "WORK", tmp_path)
    assert journal_events.main(["--quick", "--json", str(tmp_path / "out.json")]) == 0
    report = json.loads((tmp_path / "out.json").read_text())
    assert [load["writers"] for load in report["loads"]] == [64, 512]
    assert report["verified"] == sum(load["events"] for load in report["loads"]) == (64 + 512) * 20
    assert all(load["per_commit"] > load["writers"] / 2 for load in report["loads"])
    assert len(report["bars"]) == 5


def test_figures_that_reach_their_bars_pass() -> None:
    """As many events per fsync as asked for, and no growth."""
    assert all(verdict.passed for verdict in hold_against_bars(LOADS))


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({"mb_per_million": 11.0}, "MB grown"),
        ({"per_commit": 99.0}, "512 writers: durable events per fsync"),
        ({"per_fdatasync": 99.0}, "512 writers: durable events in the time"),
    ],
)
def test_a_figure_below_its_bar_is_a_must_missed(change: dict[str, Any], missed: str) -> None:
    """With `--check`, each of them ends with exit code 1."""
    loads = [LOADS[0], replace(LOADS[1], **change)]
    (verdict,) = [verdict for verdict in hold_against_bars(loads) if not verdict.passed]
    assert verdict.bar.figure.startswith(missed)
    assert verdict.bar.level == "must"


def test_on_a_fast_disk_the_time_of_an_fsync_is_no_must() -> None:
    """The processor is the limit there; how many events share an fsync is judged all the same."""
    loads = [replace(load, fdatasyncs_per_second=3_000.0) for load in LOADS]
    levels = {verdict.bar.figure: verdict.bar.level for verdict in hold_against_bars(loads)}
    assert [level for figure, level in levels.items() if "in the time" in figure] == ["goal", "goal"]
    assert [level for figure, level in levels.items() if "per fsync" in figure] == ["must", "must"]


def test_a_missed_must_is_an_exit_code_only_with_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a table can be had anywhere."""
    monkeypatch.setattr(journal_events, "WORK", tmp_path)
    monkeypatch.setattr(journal_events, "GROWTH_MB", -1e9)
    report = journal_events.run(quick=True)
    monkeypatch.setattr(journal_events, "run", lambda *, quick: report)
    assert journal_events.main(["--quick"]) == 0
    assert journal_events.main(["--quick", "--check"]) == 1
