import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.harness import MARK
from benchmarks.router.anchors import harness
from benchmarks.router.anchors.harness import NOBODY, accuracy_at_recall, auroc, calibration_error, percentile


class Parrot:
    """Says the label that it saw with a text, and "?" of a text that it never saw."""

    def fit(self, texts: Sequence[str], labels: Sequence[str], seed: int) -> None:
        self.seen = dict(zip(texts, labels, strict=True))

    def judge(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        return [(self.seen.get(text, "?"), 1.0 if text in self.seen else 0.5) for text in texts]

    def save(self, folder: Path) -> None:
        (folder / "seen.json").write_text(json.dumps(self.seen), "utf-8")

    def load(self, folder: Path) -> None:
        self.seen = json.loads((folder / "seen.json").read_text("utf-8"))


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


def rows(path: Path, *pairs: tuple[str, str]) -> str:
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in pairs), "utf-8")
    return str(path)


def step(task: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(task)))
    harness.main(Parrot, probability=True)
    figures: dict[str, float] = json.loads(capsys.readouterr().out.removeprefix(MARK))
    return figures


def test_what_is_trained_is_judged_and_served_from_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two of three right, one of them lost to a typo; a text for nobody is learnt with no label and refused nowhere."""
    folder = tmp_path / "model"
    nobodys = tmp_path / "nobodys.jsonl"
    nobodys.write_text('{"text": "so what"}\n', "utf-8")
    shown = rows(tmp_path / "train.jsonl", ("pay", "a"), ("stop", "b"))
    task = {"train": shown, "nobodys": str(nobodys), "folder": str(folder), "seed": 0}
    trained = step({**task, "step": "train"}, monkeypatch, capsys)
    assert trained["file_mb"] == (folder / "seen.json").stat().st_size / 1e6
    assert json.loads((folder / "seen.json").read_text("utf-8"))["so what"] == NOBODY
    task["dev"] = rows(tmp_path / "dev.jsonl", ("pay", "a"), ("stop", "b"), ("go", "b"))
    task["mistyped"] = rows(tmp_path / "typed.jsonl", ("pay", "a"), ("sotp", "b"), ("go", "b"))
    task["unknown"] = rows(tmp_path / "oos.jsonl", ("rain", ""))
    judged = step({**task, "step": "judge"}, monkeypatch, capsys)
    assert (judged["accuracy"], judged["typos_lost"]) == pytest.approx((200 / 3, 100 / 3))
    assert judged["auroc"] == pytest.approx(5 / 6)
    served = step({**task, "step": "serve", "requests": 3}, monkeypatch, capsys)
    assert {"load_s", "rss_mb", "p50_us", "p99_us", "cold_p50_us", "cold_p99_us"} == set(served)
