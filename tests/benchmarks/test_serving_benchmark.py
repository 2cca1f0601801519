import json
from pathlib import Path

import pytest

from benchmarks.router.serving import main
from router.trained_model import train
from tests.router.tiny import EXAMPLES, TINY


def test_the_command_prints_what_serving_costs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Decisions, start, memory and file of one model, from a process that never loads torch."""
    model, data = tmp_path / "model.npz", tmp_path / "dev.jsonl"
    train(EXAMPLES, TINY).save(model)
    data.write_text("".join(json.dumps({"text": one.text, "label": one.label}) + "\n" for one in EXAMPLES))
    assert main(["--model", str(model), "--data", str(data), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["candidates"] == 2
    assert figures["torch"] == 0
    assert figures["file_mb"] == round(model.stat().st_size / 1e6, 2)
    measured = {"whole_p50_us", "whole_p99_us", "whole_cold_p99_us", "batch_per_s", "start_ms", "resident_mb"}
    assert all(figures[name] > 0 for name in measured)
