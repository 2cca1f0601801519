"""Caps: as documented, and each document is held to its own."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator import caps

GUIDE = Path(__file__).resolve().parents[2] / "docs/limits.md"


def test_the_guide_says_the_caps() -> None:
    """A table of the guide has each of them."""
    text = GUIDE.read_text(encoding="utf-8").replace(",", "")
    for name, cap in {"plan": caps.PLAN, "scenario": caps.SCENARIO, "settings": caps.SETTINGS}.items():
        row = re.search(rf"^\| {name} \| (\d+) \| (\d+) \|", text, re.MULTILINE)
        assert row, name
        assert (int(row[1]), int(row[2])) == (cap.size, cap.values)
