"""Owns the cabinet: where the cassettes of recorded runs are, for whoever asks for one without reading it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orchestrator.settings import Settings

#: What the name of a cassette ends with.
SUFFIX: Final = ".cassette.jsonl"


def cassette_of(settings: Settings, run: str) -> Path:
    """Return where the cassette of a recorded run is: in `cassettes` beside the journal."""
    return settings.journal.parent / "cassettes" / f"{run}{SUFFIX}"
