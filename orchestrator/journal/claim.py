"""Claim: the way from a file to a run that this process owns."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from orchestrator.clock import stopwatch
from orchestrator.errors import JournalError, RunOwnedError
from orchestrator.journal.faults import remedy
from orchestrator.journal.ownership import Hold, Owner, read_owner
from orchestrator.journal.process import Process, this_process
from orchestrator.journal.schema import PATIENCE_MS, Durability, open_file
from orchestrator.journal.threads import to_its_end

# How often the beat of an owner is looked at while waiting for it: this share of the lease, in seconds at most.
_LOOKS: Final = 20
_RAREST_LOOK_S: Final = 0.5
# How long letting go of a run waits for another process to let go of the file.
_RELEASE_MS: Final = 1_000


class Claim:
    """Opens a journal and takes a run of it, at once or after its owner has shown no beat for a lease.

    Whether a beat moved is judged by the time that passes here, on a monotonic clock: no two wall clocks are ever
    compared, and one that is moved by an hour changes nothing.

    Attributes:
        path: the journal.
        connection: to it, once it is open.
        hold: the run, once it is taken.
    """

    connection: sqlite3.Connection
    hold: Hold

    def __init__(
        self,
        path: Path,
        run: str,
        durability: Durability,
        lease_s: float | None,
        *,
        now: Callable[[], float] = stopwatch,
    ) -> None:
        if lease_s is not None and not lease_s > 0:
            raise JournalError(f"{path}: a lease of {lease_s} s is none; give more than 0")
        self.path, self._run, self._lease_s, self._now = path, run, lease_s, now
        self._durability: Durability = durability
        self._opened = self._taken = False
        self._seen: Owner | None = None
        self._since = 0.0
        self.moved = False

    def attempt(self) -> None:
        """Take the run if nobody has it, or its owner let go of it, is gone, or was silent for a lease.

        Raises:
            RunOwnedError: if somebody has it, as far as can be seen yet.
            JournalError: if the file cannot be opened as a journal.
        """
        if not self._opened:
            self.connection, self._opened = open_file(self.path, self._durability), True
        try:
            self.hold = Hold(self.path, self._run, self._take(), self._lease_s or 1.0, now=self._now)
        except sqlite3.Error as error:
            what = f"run {self._run!r} cannot be taken: {error}"
            raise JournalError(f"{self.path}: {what}; {remedy(error)} and try again") from error
        self._taken = True

    def attempt_once(self) -> None:
        """Attempt, and leave nothing open if that fails; it raises what `attempt` does."""
        try:
            self.attempt()
        except BaseException:  # right: raised again, with the file closed
            self.undo()
            raise

    async def attempt_for(self, wait_s: float | None) -> None:
        """Attempt until the run is taken, without blocking the loop.

        Args:
            wait_s: seconds at most; None tries until it is known whether the owner lives, two leases at most.

        A caller cancelled here has taken nothing.
        """
        begun = self._now()
        try:
            while True:
                try:
                    return await to_its_end(self.attempt, name=f"claim {self.path.name}")
                except RunOwnedError:
                    if (wait_s is None and self.moved) or self._now() - begun >= self._patience(wait_s):
                        raise
                await asyncio.sleep(min(_RAREST_LOOK_S, (self._lease_s or 1.0) / _LOOKS))
        except BaseException:  # right: raised again; a caller cancelled here has taken nothing
            await to_its_end(self.undo, name=f"claim {self.path.name}")
            raise

    def _patience(self, wait_s: float | None) -> float:
        lease_s = Process.from_text(self._seen.owner).lease_s if self._seen else 0.0
        return 2 * max(self._lease_s or 0.0, lease_s) if wait_s is None else wait_s

    def undo(self) -> None:
        """Let go of what was taken and close what was opened."""
        if self._taken:
            let_go(self.connection, self.hold)
        elif self._opened:
            self.connection.close()
        self._opened = self._taken = False

    def _take(self) -> int:
        if self._lease_s is None:
            return 0
        seen = read_owner(self.connection, self._run)
        if seen is not None and self._lives(seen):
            raise RunOwnedError(self.path, self._run, seen.describe())
        try:
            self.connection.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise RunOwnedError(self.path, self._run, "a process that has locked the file") from error
        try:
            return self._take_over(seen, self._lease_s)
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            self.connection.execute("PRAGMA busy_timeout=0")  # the loop never waits for a lock

    def _take_over(self, seen: Owner | None, lease_s: float) -> int:
        present = read_owner(self.connection, self._run)
        if present is not None and present != seen:  # somebody was quicker, or its beat came back
            raise RunOwnedError(self.path, self._run, present.describe())
        epoch = 1 if present is None else present.epoch + 1
        values = (self._run, epoch, this_process(lease_s).to_text())
        self.connection.execute("INSERT OR REPLACE INTO owners VALUES (?, ?, ?, 0)", values)
        self.connection.execute("COMMIT")
        return epoch

    def _lives(self, seen: Owner) -> bool:
        if not seen.owner:
            return False
        process = Process.from_text(seen.owner)
        if process.is_known_to_be_gone():
            return False
        if seen != self._seen:
            self.moved = self._seen is not None
            self._seen, self._since = seen, self._now()
            return True
        return self._now() - self._since < max(self._lease_s or 0.0, process.lease_s)


def release(connection: sqlite3.Connection, hold: Hold) -> None:
    """Let go of a run if the file still can be written; if not, its owner will be found gone, or silent."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute(f"PRAGMA busy_timeout={_RELEASE_MS}")
        connection.execute("PRAGMA synchronous=NORMAL")  # no row waits for this one
        hold.release(connection)
    except sqlite3.Error:
        return


def let_go(connection: sqlite3.Connection, hold: Hold) -> None:
    """Let go of a run, and close the file."""
    try:
        release(connection, hold)
    finally:
        connection.close()
