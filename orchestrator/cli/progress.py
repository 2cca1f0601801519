"""Progress: a bar on stderr where that is a terminal, nothing elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from orchestrator.cli.console import make_console, safe


class Bar:
    """A progress bar; it is redrawn a hundred times at most, in the caller's thread, so that it disturbs no clock."""

    def __init__(self, what: str, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = make_console(stderr=True)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(
            *columns, TimeElapsedColumn(), console=console, auto_refresh=False, disable=not console.is_interactive
        )
        self._task = self._progress.add_task(safe(what), total=total)
        self._step, self._done = max(1, total // 100), 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.refresh()
        self._progress.stop()

    def expect(self, more: int) -> None:
        """Take so many to be still to come."""
        total = self._done + more
        self._step = max(1, total // 100)
        self._progress.update(self._task, total=total)

    def advance(self, what: str = "") -> None:
        """Count one more; `what` replaces the text beside the bar."""
        self._done += 1
        if self._done % self._step == 0:
            text = safe(what) if what else None
            self._progress.update(self._task, completed=self._done, description=text, refresh=True)
