from pathlib import Path

import numpy as np
import pytest

from benchmarks.router import out_of_scope
from benchmarks.router.out_of_scope import OUT_OF_SCOPE, auroc, by_chance, describe, judge, scores_of, summarise
from router.calibration import Calibration
from router.decision import Roster, decide
from router.prediction import Prediction
from router.protocol import NO_VETOES


def prediction(*scores: float) -> Prediction:
    names = ("a", "b", "c")[: len(scores)]
    calibration = Calibration(scale=10.0, floor=0.4, threshold=0.5)
    return decide(Roster(names, ("1",) * len(names), ""), np.array(scores, dtype=np.float32), NO_VETOES, calibration)


def test_auroc_by_hand() -> None:
    """Of six pairs four are in order and one is a tie."""
    assert auroc(np.array([3.0, 2.0, 1.0]), np.array([2.0, 0.0])) == pytest.approx(4.5 / 6)


def test_auroc_knows_apart_and_alike() -> None:
    """Wholly apart is 1, the wrong way round 0, all alike a half."""
    low, high = np.array([0.0, 0.1]), np.array([0.8, 0.9])
    assert (auroc(high, low), auroc(low, high), auroc(low * 0, high * 0)) == (1.0, 0.0, 0.5)


def test_an_abstention_counts_as_an_error() -> None:
    """Ten in scope, one of them wrong and two below what is refused: seven are right and kept."""
    inside = np.array([0.1, 0.2, 0.6, 0.7, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9])
    right = np.ones(10, dtype=np.bool_)
    right[-1] = False
    assert "accuracy at 95% refused 70.00%" in judge(inside, right, np.full(20, 0.3))


def test_chance_alone_gives_an_error_that_shrinks() -> None:
    """An honest router shows an ECE above zero, and less of it on more requests."""
    confidence = np.random.default_rng(0).random(4000)
    assert 0.0 < by_chance(confidence) < by_chance(confidence[:400]) / 2


def test_energy_lies_above_the_best_score() -> None:
    """Three agents at 0.5 and an inverse temperature of 8: 0.5 + ln 3 / 8; one alone adds nothing."""
    scores = scores_of([prediction(0.5, 0.5, 0.5), prediction(0.5, -9.0, -9.0)])
    assert scores["energy at 8"] == pytest.approx([0.5 + np.log(3) / 8, 0.5])
    assert scores["best score"] == pytest.approx([0.5, 0.5])


def test_what_is_routed_and_refused_is_told_apart() -> None:
    """Two in scope of which one is routed right, and one out of scope that is refused."""
    rows = list(describe([prediction(0.9, 0.1), prediction(0.9, 0.1), prediction(0.1, 0.1)], ["a", "b", OUT_OF_SCOPE]))
    assert rows[0].startswith("in scope: accuracy 50.00%")
    assert rows[1] == "at its threshold: 50.00% routed right, 100.0% of the others refused"
    assert any(row.startswith("confidence: AUROC 1.0000") for row in rows)


def test_a_seed_is_summed_up_in_numbers() -> None:
    """One of two in scope is right, and both are surer than the one for nobody."""
    found = summarise([prediction(0.9, 0.1), prediction(0.9, 0.1), prediction(0.1, 0.1)], ["a", "b", OUT_OF_SCOPE])
    assert (found["accuracy"], found["auroc"], found["in_scope_at_95_recall"]) == (50.0, 1.0, 50.0)
    assert 0 < found["ece"] < 1


def test_no_data_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the data sets the command names where it looked."""
    monkeypatch.setattr(out_of_scope, "DATA", tmp_path / "none")
    monkeypatch.setattr("sys.argv", ["out_of_scope"])
    assert out_of_scope.main() == 2
    assert "POINTSMAN_DATA" in capsys.readouterr().err
