"""Evidence: what a run left behind, by which it is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.journal import Row
from orchestrator.messages import EMPTY
from orchestrator.redaction import DEFAULT, NONE
from scenarios.history import History


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left behind.

    Attributes:
        history: its rows, and what they say of each task.
        states: by provider, the state after the run; only those that an expectation reads.
        logs: lines logged in the run; empty unless an expectation is about them.
        report: what is reported of the expectations judged before.
        stored: the rows as they are left behind, canonical, without what the scenario's redaction takes out.
        folder: of the scenario file.
        redact: that redaction; whoever judges what is left behind puts everything through it.
        profile: its name; empty where there is none.
    """

    history: History
    states: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    logs: tuple[str, ...] = ()
    report: tuple[str, ...] = ()
    stored: Sequence[Row] = ()
    folder: Path = Path()
    redact: Callable[[Any], Any] = lambda value: value
    profile: str = ""

    def path_of(self, profile: str) -> str:
        """Return a profile that an expectation names, a file by its path; the scenario's where it names none."""
        return profile if profile in (DEFAULT, NONE) else str(self.folder / profile) if profile else self.profile
