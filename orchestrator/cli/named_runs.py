"""Named runs: those that a command is given, each by its id, what that begins with, or a file of exported rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from orchestrator.cli import session

if TYPE_CHECKING:
    from orchestrator.journal import JournalReader
    from orchestrator.messages import Envelope
    from scenarios.track import Track


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a file: the line it stands in, and what it says."""

    sequence: int
    envelope: Envelope


class NamedRuns:
    """Opens runs, files as they are and others from the journal, which is opened once and when it is needed."""

    def __init__(self, settings_file: Path | None) -> None:
        self._settings_file = settings_file
        self._reader: JournalReader | None = None

    def __enter__(self) -> NamedRuns:
        return self

    def __exit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.close()

    def open(self, name: str, argument: str) -> Track:
        """Return the rows of a run.

        Raises:
            typer.BadParameter: if there is no such file and no such run.
        """
        from scenarios.track import FileTrack, JournalTrack

        if Path(name).is_file():
            return FileTrack(Path(name))
        return JournalTrack(self.journal, self._find(name, argument))

    @property
    def journal(self) -> JournalReader:
        """The journal of the settings."""
        if self._reader is None:
            self._reader = session.open_journal(self._settings_file)
        return self._reader

    def latest(self) -> str:
        """Return the run that began last.

        Raises:
            typer.BadParameter: if the journal has none.
        """
        runs = self.journal.runs()
        if not runs:
            raise typer.BadParameter(f"{self.journal.path} has no run yet", param_hint="RUN")
        return runs[-1].run

    def rows(self, track: Track) -> Iterable[Line]:
        """Yield all rows of a run, with what was measured and what people said where that is known."""
        from scenarios.track import FileTrack

        if isinstance(track, FileTrack):
            return _lines(track)
        return (Line(row.sequence, row.envelope) for row in self.journal.rows(run=track.run))

    def origins(self, recorded: Track, actual: Track) -> tuple[str, str]:
        """Return which runs two that were forked go on from."""
        from orchestrator.cli.recorded import origin_of

        settings = session.open_settings(self._settings_file)
        return origin_of(settings, recorded.run), origin_of(settings, actual.run)

    def _find(self, name: str, argument: str) -> str:
        from orchestrator.documents import suggest

        found = self.journal.find_runs(name)
        if len(found) == 1:
            return found[0]
        if found:
            problem = f"{name!r} is the beginning of {len(found)} runs: {', '.join(found[:5])}; give more of it"
        else:
            known = [one.run for one in self.journal.runs()]
            problem = f"{name!r} is no file, and no run in {self.journal.path}; {suggest(name, known)}"
        raise typer.BadParameter(problem, param_hint=argument)


def _lines(track: Track) -> Iterator[Line]:
    from orchestrator.errors import JournalError
    from orchestrator.journal import decode

    at = 0
    for chunk in track.chunks():
        for row in chunk:
            try:
                run, envelope = decode(row)
            except JournalError as error:
                raise track.refusal(at, str(error)) from None
            if run != track.run:
                raise track.refusal(at, f"it is of run {run!r}, not of {track.run!r}")
            yield Line(track.place(at), envelope)
            at += 1
