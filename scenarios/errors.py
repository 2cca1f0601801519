"""The errors of recordings and replays: a branch of the tree in `orchestrator.errors`, on a page of its own."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.errors import AgentError, PointsmanError


class CassetteError(AgentError):
    """Raised when a handler reads from outside what its cassette does not hold; says what is nearest to it."""

    def __init__(self, task: str, source: str, problem: str, hint: str) -> None:
        self.task, self.source = task, source
        super().__init__(f"task {task!r} reads {source!r}: {problem}; {hint}")


class StrayReadError(PointsmanError):
    """Raised when a test reads what its cassette does not hold, or does not read what it holds; shows each of these."""

    def __init__(self, path: str, stray: Sequence[str]) -> None:
        self.path, self.stray = path, tuple(stray)
        hint = "record it again, or what is new with the record mode `new`, if that is meant"
        super().__init__("\n".join([f"{path}: not what was recorded; {hint}", *stray]))


class RecordingError(PointsmanError):
    """Raised when a run cannot be recorded or replayed; says what stands in the way."""
