import json
from pathlib import Path

import pytest

from benchmarks.router import tools
from benchmarks.router.tools import SHOTS, both_ways, draw, figures
from router import Example, bundled_router


def test_what_is_shown_is_not_asked() -> None:
    """Ten of each tool are shown, ten others at most are asked, and the seed decides which."""
    examples = [Example(f"{label} {at}", label) for label in ("a", "b") for at in range(15)]
    shown, asked = draw(examples, 0)
    assert {label: len(texts) for label, texts in shown.items()} == {"a": SHOTS, "b": SHOTS}
    assert len(asked) == 10
    assert {text for texts in shown.values() for text in texts}.isdisjoint(e.text for e in asked)
    assert draw(examples, 1)[0] != shown


def test_a_tool_is_found_by_its_description_and_better_by_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tools on the router that ships; the second description says nothing about what is asked."""
    words = {"weather": "will it rain or snow", "chess": "open with the bishop"}
    rows = [(f"{text} {at}", tool) for tool, text in words.items() for at in range(12)]
    folder = tmp_path / "toole"
    folder.mkdir()
    lines = "".join(json.dumps({"text": text, "label": tool}) + "\n" for text, tool in rows)
    (folder / "train.jsonl").write_text(lines, "utf-8")
    (folder / "descriptions.json").write_text(json.dumps({"weather": "rain and snow", "chess": "???"}), "utf-8")
    monkeypatch.setattr(tools, "DATA", tmp_path)
    found = both_ways(bundled_router(), 0)
    assert (found["tools"], found["requests"]) == (2, 4)
    assert found["description"] <= found["with_examples"] == 100.0
    assert figures(0, {}) == {**found, "trained": 100.0}
