"""`benchmarks.divergence`: what it plants is what is found, and its bars are judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import divergence
from benchmarks.divergence import Load, hold_against_bars
from orchestrator.cli import main

LOADS = [
    Load("one changed, journal", 1.9, 1.2, 80.0, right=True, said="payload"),
    Load("unchanged, files", 3.0, 1.2, 80.0, right=True, said="the same"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Compare within this process: a start takes longer than six thousand rows."""

    def run_here(journal: Path, *names: str) -> tuple[dict[str, Any], float, float, float]:
        monkeypatch.setenv("POINTSMAN_JOURNAL", str(journal))
        assert main(["diff", *names, "--json"]) in (0, 1)
        return json.loads(capsys.readouterr().out), 1.0, 1.0, 1.0

    monkeypatch.setattr(divergence, "WORK", tmp_path)
    monkeypatch.setattr(divergence, "run_diff", run_here)


def test_all_that_is_planted_is_found(here: Callable[..., None], tmp_path: Path) -> None:
    """In small: the row, the pointer, the root of three on branches, one row more; from a journal and from files."""
    assert divergence.main(["--quick", "--json", str(tmp_path / "out.json"), "--check"]) == 0
    report = json.loads((tmp_path / "out.json").read_text())
    assert len(report["loads"]) == 8
    assert [load["name"] for load in report["loads"] if not load["right"]] == []
    assert len(report["bars"]) == 17


@pytest.mark.parametrize(
    ("at", "change", "missed"),
    [
        (0, {"wall_s": 2.1}, ["one changed, journal: wall s"]),
        (0, {"peak_mb": 301.0}, ["one changed, journal: peak MB"]),
        (1, {"right": False}, ["comparisons that were wrong"]),
        (1, {"wall_s": 1.0}, []),
    ],
)
def test_a_missed_bar_is_named(at: int, change: dict[str, Any], missed: list[str]) -> None:
    """One changed row is a must; how long the others take is a goal; what is wrong is a must in all."""
    loads = [replace(load, **change) if place == at else load for place, load in enumerate(LOADS)]
    verdicts = [verdict for verdict in hold_against_bars(loads) if not verdict.passed and verdict.bar.level == "must"]
    assert [verdict.bar.figure for verdict in verdicts] == missed
