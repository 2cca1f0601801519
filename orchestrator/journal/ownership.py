"""Ownership: who may write a run. An epoch numbers the owners of a run; a beat says that the present one lives."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from orchestrator.clock import stopwatch
from orchestrator.errors import StaleOwnerError
from orchestrator.journal.process import Process

#: Seconds without a beat after which an owner counts as dead, unless it is known to be gone before that.
LEASE_S: Final = 15.0
# An owner beats this many times a lease: two beats may be late.
_BEATS: Final = 3


class Owner(NamedTuple):
    """A row of the table of owners.

    Attributes:
        run: the run.
        epoch: how many owners it has had, this one included.
        owner: the process, as `Process.to_text`; empty once it has let go of the run.
        beat: a count that moves while the owner lives.
    """

    run: str
    epoch: int
    owner: str
    beat: int

    def describe(self) -> str:
        """Return the owner in people's words."""
        if not self.owner:
            return f"nobody (epoch {self.epoch} has ended)"
        process = Process.from_text(self.owner)
        return f"process {process.pid} on {process.host} (epoch {self.epoch})"


def read_owner(connection: sqlite3.Connection, run: str) -> Owner | None:
    """Return who owns a run, or last did; None if nobody ever has."""
    row = connection.execute("SELECT run, epoch, owner, beat FROM owners WHERE run = ?", (run,)).fetchone()
    return None if row is None else Owner(*row)


class Hold:
    """A run in the hand of this process: checked in each transaction, renewed by beats.

    Args:
        path: the journal.
        run: the run.
        epoch: its epoch; 0 for a writer that owns no run, which checks and renews nothing.
        lease_s: seconds without a beat after which others may take the run.
        now: a monotonic clock.
    """

    def __init__(
        self, path: Path, run: str, epoch: int, lease_s: float, *, now: Callable[[], float] = stopwatch
    ) -> None:
        self.path, self.run, self.epoch = path, run, epoch
        self._every, self._now = lease_s / _BEATS, now
        self._next = now() + self._every

    def due_in(self) -> float | None:
        """Seconds until the next beat, 0 if it is late; None if this writer never beats."""
        return max(0.0, self._next - self._now()) if self.epoch else None

    def check(self, connection: sqlite3.Connection) -> None:
        """Refuse to go on if somebody else has taken the run; to be called under the write lock.

        Raises:
            StaleOwnerError: if the run has another epoch by now.
        """
        if not self.epoch:
            return
        found = connection.execute("SELECT epoch FROM owners WHERE run = ?", (self.run,)).fetchone()
        if found is None or found[0] != self.epoch:
            owner = read_owner(connection, self.run)
            raise StaleOwnerError(self.path, self.run, self.epoch, owner.describe() if owner else "nobody")

    def renew(self, connection: sqlite3.Connection) -> None:
        """Beat, within a transaction that has checked the epoch, if that is due."""
        if self.due_in() == 0:
            connection.execute("UPDATE owners SET beat = beat + 1 WHERE run = ?", (self.run,))
            self._next = self._now() + self._every

    def release(self, connection: sqlite3.Connection) -> None:
        """Let go of the run, in a transaction of its own: the next owner need not wait for the lease."""
        if self.epoch:
            values = (self.run, self.epoch)
            connection.execute("UPDATE owners SET owner = '' WHERE run = ? AND epoch = ?", values)
