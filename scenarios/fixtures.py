"""Fixtures: what people's own tests of their agents get: virtual time, captured journals, orchestrators to measure."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from orchestrator.clock import VirtualClock, run_virtual
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Envelope
from orchestrator.orchestrator import Orchestrator
from orchestrator.outside import OutsideOf
from orchestrator.settings import Settings
from orchestrator.topics import TASK_ABSTAINED, TASK_ROUTED, compile_pattern
from scenarios.history import History

T = TypeVar("T")


class VirtualTime(VirtualClock):
    """A clock for runs in virtual time, and what runs them.

    Attributes:
        through: what runs them instead, such as the cassette of the test; None for nothing.
    """

    through: Callable[[Coroutine[Any, Any, Any]], Any] | None = None

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, each timer at once when nothing else is left to do; return its result."""
        __tracebackhide__ = True
        if self.through is None:
            return run_virtual(main)
        result: T = self.through(main)
        return result


class CapturedJournal:
    """The journals of the runs of a test.

    Attributes:
        journals: one for each run, in the order of their beginnings.
    """

    def __init__(self) -> None:
        self.journals: list[MemoryJournal] = []

    def open(self, run: str) -> MemoryJournal:
        """Return a new journal, to be given to an orchestrator, and keep it."""
        self.journals.append(MemoryJournal(run))
        return self.journals[-1]

    @property
    def rows(self) -> tuple[Envelope, ...]:
        """The rows of all runs, in order."""
        return tuple(row.envelope for journal in self.journals for row in journal.rows)

    @property
    def decisions(self) -> dict[str, Mapping[str, Any]]:
        """The record of the last routing decision about each task."""
        asked = (TASK_ROUTED, TASK_ABSTAINED)
        return {row.correlation_id: row.body["decision"] for row in self.rows if row.topic in asked}

    @property
    def history(self) -> History:
        """What became of each task."""
        return History(self.rows)

    def of(self, pattern: str) -> list[Envelope]:
        """Return the rows whose topic matches a pattern such as `task.*`.

        Raises:
            TopicError: if it is no pattern.
        """
        matches = compile_pattern(pattern)
        return [row for row in self.rows if matches(row.topic)]

    def export(self) -> bytes:
        """Return the rows as JSON Lines, canonical: equal bytes for equal runs."""
        return b"".join(journal.export() for journal in self.journals)


class OrchestratorFactory:
    """Makes orchestrators in virtual time, with a captured journal; whatever is given replaces what it would take.

    Attributes:
        outside_of: who answers what tasks read from outside, such as the cassette of the test; None for the world.
    """

    outside_of: OutsideOf | None = None

    def __init__(self, clock: VirtualTime, journals: CapturedJournal, workspace: Path) -> None:
        self._clock, self._journals, self._workspace = clock, journals, workspace

    def __call__(self, *agents: object, settings: Settings | None = None, **others: Any) -> Orchestrator:
        """Return an orchestrator of these agents, to be entered with `async with`.

        Args:
            agents: objects with a `card` and a `handle`.
            settings: by default no log, and the test's own folder as the workspace.
            others: as `Orchestrator` takes them.
        """
        run = others.setdefault("run", f"test-{len(self._journals.journals) + 1}")
        others.setdefault("clock", self._clock)
        others.setdefault("outside_of", self.outside_of)
        if "journal" not in others:
            others["journal"] = self._journals.open(run)
        settings = settings or Settings(workspace=self._workspace, log_format="off")
        return Orchestrator(settings, agents=agents, **others)
