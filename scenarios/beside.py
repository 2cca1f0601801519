"""Beside: the files that a scenario may name: those in its own folder or below."""

from __future__ import annotations

from pathlib import Path

from orchestrator.documents import Document
from orchestrator.places import Loc


class FilesBeside:
    """Finds them; whatever leads elsewhere is refused where the scenario says so."""

    def __init__(self, document: Document, folder: Path) -> None:
        self._document, self._folder = document, folder

    def find(self, name: str, loc: Loc, *, folder: bool = False) -> Path:
        """Return the path of a file, or of a folder.

        Raises:
            DocumentError: if it is not there, is no path, or leads out of the scenario's folder.
        """
        kind = "folder" if folder else "file"
        path = self.path(name, loc)
        if not (path.is_dir() if folder else path.is_file()):
            raise self._document.error(loc, f"no {kind} {name!r} beside the scenario", "correct the path")
        return path

    def path(self, name: str, loc: Loc) -> Path:
        """Return the path of a file that need not be there yet.

        Raises:
            DocumentError: if it is no path, or leads out of the scenario's folder.
        """
        try:
            path = (self._folder / name).resolve()
            path.is_file()
        except (OSError, ValueError, RuntimeError) as error:  # a NUL, a name too long, a loop of links
            raise self._document.error(loc, f"{name!r} is no path: {error}", "correct it") from None
        if not path.is_relative_to(self._folder):
            hint = "copy what it needs beside the scenario"
            raise self._document.error(loc, f"{name!r} leads out of the scenario's folder", hint)
        return path
