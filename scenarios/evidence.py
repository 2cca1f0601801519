"""Evidence: what a run left behind, by which it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.journal import Row
from orchestrator.messages import EMPTY
from orchestrator.redaction import DEFAULT, NONE, Profile, Redactor, read_profile
from scenarios.history import History


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left behind.

    Attributes:
        history: its rows, and what they say of each task.
        states: by provider, the state after the run; only those that an expectation reads.
        logs: lines logged in the run; empty unless an expectation is about them.
        report: what is reported of the expectations judged before.
        stored: the rows as the journal has them, canonical.
        folder: of the scenario file.
        redact: the scenario's redaction, which everything goes through that is left behind; None where there is none.
    """

    history: History
    states: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    logs: tuple[str, ...] = ()
    report: tuple[str, ...] = ()
    stored: Sequence[Row] = ()
    folder: Path = Path()
    redact: Redactor | None = None

    def left(self, value: Any) -> Any:
        """Return a JSON value as it is left behind.

        Raises:
            RedactionError: if a rule fails.
        """
        return value if self.redact is None else self.redact(value)

    def profile(self, named: str) -> Profile | None:
        """Return a profile that an expectation names; the scenario's where it names none.

        Raises:
            DocumentError: if it cannot be used.
        """
        if named:
            return read_profile(named if named in (DEFAULT, NONE) else str(self.folder / named))
        return None if self.redact is None else self.redact.profile
