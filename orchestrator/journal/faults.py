"""Faults: what to do about each way in which a disk refuses a journal."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from orchestrator.errors import JournalError

_REMEDIES: Final[dict[int, str]] = {
    sqlite3.SQLITE_FULL: "the disk is full, free some of it",
    sqlite3.SQLITE_READONLY: "the file or its disk is read-only, make it writable",
    sqlite3.SQLITE_IOERR: "the disk failed, look at the system's log and run `pointsman journal verify`",
    sqlite3.SQLITE_CORRUPT: "the file is damaged, `pointsman doctor` says how much of it",
    sqlite3.SQLITE_NOTADB: "the file is damaged, `pointsman doctor` says how much of it",
    sqlite3.SQLITE_BUSY: "another process has locked the file, end it",
    sqlite3.SQLITE_CANTOPEN: "look at the permissions of the file and its folder",
}
_MASK: Final = 0xFF  # extended result codes keep the primary one in their lowest byte


def remedy(error: Exception) -> str:
    """Return what to do, as a clause without an end."""
    code = getattr(error, "sqlite_errorcode", None)
    return _REMEDIES.get(code & _MASK if code is not None else -1, "free the disk")


class Place:
    """Where a journal is: its file and its write-ahead log, which nobody may put away while it is written.

    A file that was removed or replaced still takes whatever is written into it, and it is on no disk that anybody
    will look at: so after each commit, and before anybody is told, the path must still name the file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._log = path.absolute(), Path(f"{path.resolve()}-wal")  # beside what a link leads to
        self._file, self._log_file = _identify(self._path), _identify(self._log)

    def check(self) -> None:
        """Do nothing if all is in its place; to be called after a commit.

        Raises:
            JournalError: if not.
        """
        log = _identify(self._log)
        if self._log_file is None:
            self._log_file = log
        for path, known, found in ((self._path, self._file, _identify(self._path)), (self._log, self._log_file, log)):
            if found != known and known is not None:  # where a file system can have no log, there is none
                fate = "removed" if found is None else "replaced by another file"
                raise JournalError(
                    f"{path}: was {fate} while it was written, rows of this moment are lost; put the file back as it"
                    " was, if it is still there, and resume the run"
                )


def _identify(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - Path.stat is twice as slow, and this is done once a commit
    except OSError:
        return None
    return found.st_dev, found.st_ino
