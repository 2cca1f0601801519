import json
from pathlib import Path

import pytest

from benchmarks.router.typos import main, mistype
from orchestrator.clock import seeded_random
from router.bundled_model import BUNDLED


def test_as_many_slips_as_asked_for() -> None:
    """A tenth of all words, on long ones only; the short ones and everything else stay."""
    text = "is the migration of accounts safe, or not? " * 400
    before, after = text.split(), mistype(text, 0.1, seeded_random(0, "t")).split()
    changed = [one for one, other in zip(before, after, strict=True) if one != other]
    assert 0.08 < len(changed) / len(before) < 0.12
    assert {"is", "the", "of", "or", "not?"}.isdisjoint(changed)


def test_without_a_share_nothing_is_mistyped() -> None:
    """Zero is zero, and a text without long words stays as it is."""
    assert mistype("check the migration", 0.0, seeded_random(0, "t")) == "check the migration"
    assert mistype("a b c", 1.0, seeded_random(0, "t")) == "a b c"


def test_it_runs_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model file and labelled requests in, figures as JSON out."""
    data = tmp_path / "d.jsonl"
    rows = [("fix this broken json payload", "json-medic"), ("write the release notes from git", "release-notes")]
    data.write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in rows), encoding="utf-8")
    assert main(["--model", str(BUNDLED / "router.npz"), "--data", str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == 100
