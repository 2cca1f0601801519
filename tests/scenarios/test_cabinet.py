"""Where the cassettes of recorded runs are."""

from __future__ import annotations

from pathlib import Path

from orchestrator.settings import Settings
from scenarios.cabinet import SUFFIX, cassette_of


def test_a_cassette_stands_beside_the_journal() -> None:
    """In a folder of its own, named after its run."""
    settings = Settings(journal=Path("here") / "j.db")
    assert cassette_of(settings, "r") == Path("here") / "cassettes" / f"r{SUFFIX}"
