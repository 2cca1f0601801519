"""Journals for the models: as slow as is drawn, dead at will; the one in SQLite with a thread that runs by steps."""

from __future__ import annotations

import asyncio
import os
import queue
import random
import sqlite3
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, TypeVar
from unittest import mock

from orchestrator.journal import MemoryJournal, Row, SqliteJournal
from orchestrator.journal.claim import Claim
from orchestrator.messages import Envelope

T = TypeVar("T")
LEASE_S: Final = 9.0
#: What a step of a journal takes, in virtual seconds at most; a quiet moment is a thousand times as long.
LAG_S: Final = 1e-6


class _NothingToDoError(BaseException):
    """Raised instead of waiting for something to do; no failure of the journal, so it must not be taken for one."""


class _Steps:
    """Stands for the queue between the loop and the writer: `get` waits for nothing."""

    def __init__(self) -> None:
        self.items: deque[Any] = deque()
        self.on_put: Callable[[], None] = lambda: None
        self.may_beat = False

    def put(self, item: Any) -> None:
        self.items.append(item)
        self.on_put()

    def get(self, timeout: float | None) -> Any:
        if self.items:
            return self.items.popleft()
        if timeout == 0 and self.may_beat:
            self.may_beat = False
            raise queue.Empty
        raise _NothingToDoError


class _NoThread:
    def __init__(self, **_: Any) -> None:
        pass

    def start(self) -> None:
        pass

    def join(self) -> None:
        pass


async def _here(function: Callable[[], T], **_: Any) -> T:
    result = function()
    await asyncio.sleep(0)  # what a thread told the loop before its end is heard before its end is
    return result


class _WithoutThreads:
    """Leaves the journal in SQLite its thread out. Closings overlap: the first to come replaces, the last restores."""

    def __init__(self) -> None:
        self._inside, self._undo = 0, ExitStack()

    def __enter__(self) -> None:
        replaced: dict[str, Any] = {
            "threading": SimpleNamespace(Thread=_NoThread, Lock=threading.Lock),
            "queue": SimpleNamespace(SimpleQueue=_Steps, Empty=queue.Empty),
            "to_its_end": _here,
        }
        if not self._inside:
            self._undo.enter_context(mock.patch.multiple("orchestrator.journal.sqlite", **replaced))
        self._inside += 1

    def __exit__(self, *_: object) -> None:
        self._inside -= 1
        if not self._inside:
            self._undo.close()


_without_threads: Final = _WithoutThreads()


class SteppedJournal(SqliteJournal):
    """The journal in SQLite, every line of it, but for its thread: what that does is done by `step`.

    Attributes:
        rows: those on the disk, and those on their way there.
        paused: whether the process stands still; what the loop hands over waits.
    """

    def __init__(self, claim: Claim, run: str, lag: random.Random | None = None) -> None:
        with _without_threads:
            super().__init__(claim.path, run, claim=claim)
        self._claim, self._lag = claim, lag
        self.rows, self.paused, self.dead, self.over = stored(claim.path), False, False, False
        self._before = len(self.rows)
        self._steps.on_put = self._soon

    @property
    def _steps(self) -> _Steps:
        steps: Any = self._batches
        assert isinstance(steps, _Steps)
        return steps

    @property
    def safe(self) -> int:
        """How many rows of the file the next process will find."""
        return self._before + self.statistics().durable

    def append(self, envelope: Envelope) -> bool:
        if self.dead:
            return True
        keeps_up = super().append(envelope)
        canonical = bytes(self._pending[-1][2])
        self.rows.append(Row(len(self.rows) + 1, self.run, envelope, canonical, b""))
        return keeps_up and not (self._lag and self._lag.random() < 0.2)

    async def sync(self) -> None:
        if not self.dead:
            await super().sync()

    async def aclose(self) -> None:
        if not self.dead:
            self._lag = None
            with _without_threads:
                await super().aclose()

    def kill(self) -> None:
        """End as a process ends by kill -9: whatever is not committed is gone, and nobody lets go of the run."""
        self.dead = True
        if self._flush is not None:
            self._flush.cancel()
        self._connection.close()

    def stand_still(self, *, halfway: bool = False) -> None:
        """Stop as by SIGSTOP; halfway: with the rows of the loop in a transaction that is not committed."""
        self.paused = True
        if halfway:
            self._hand_over()
        elif self._flush is not None:
            self._flush.cancel()

    def go_on(self) -> None:
        """Continue as by SIGCONT."""
        self.paused = False
        if self._pending:
            self._flush = self._loop.call_soon(self._hand_over)
        self.step()

    def step(self) -> None:
        """Do what the writer would do by now: commit, beat if that is due, fail, or end."""
        if self.paused or self.over or self.dead:
            return
        self._steps.may_beat = True
        try:
            self._write_batches()
        except _NothingToDoError:
            return
        except Exception as error:  # noqa: BLE001 - right: as the thread does
            self._broke(error)
        self.over = True

    def _soon(self) -> None:
        if self._lag is None or self._closed:
            self.step()
        else:
            self._loop.call_later(self._lag.random() * LAG_S, self.step)


class LaggingJournal(MemoryJournal):
    """The journal in memory, which asks its writers to wait now and then, and takes its time to be safe."""

    def __init__(self, run: str, lag: random.Random | None = None) -> None:
        super().__init__(run)
        self._lag, self.dead = lag, False

    @property
    def safe(self) -> int:
        return len(self.rows)

    def append(self, envelope: Envelope) -> bool:
        if self.dead:
            return True
        return super().append(envelope) and not (self._lag and self._lag.random() < 0.2)

    async def sync(self) -> None:
        if self._lag is not None and not self.dead and self._lag.random() < 0.5:
            await asyncio.sleep(self._lag.random() * LAG_S)

    def kill(self) -> None:
        self.dead = True


@contextmanager
def cheap_commits() -> Iterator[None]:
    """Let the durability that an operating system's crash may cost do without fsync, and nobody wait for a lock."""
    with (
        mock.patch.dict("orchestrator.journal.schema.SYNCHRONOUS", {"os-crash-may-lose": "OFF"}),
        mock.patch("orchestrator.journal.claim.PATIENCE_MS", 0),
        mock.patch("orchestrator.journal.batch.PATIENCE_MS", 0),
        mock.patch("orchestrator.journal.claim._RELEASE_MS", 0),
    ):
        yield


@contextmanager
def a_folder() -> Iterator[Path]:
    """Give a folder for a file, in memory where there is such a place: nothing here is to survive a power cut."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder in it is made by mkdtemp, as anywhere
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def stored(path: Path) -> list[Row]:
    """Return all rows of a journal in SQLite, undecoded where nobody asks."""
    from orchestrator.journal import JournalReader

    with JournalReader(path) as reader:
        return list(reader.rows())


def cut(path: Path, rows: int) -> None:
    """Let a journal in SQLite be what it was when it had so many rows; who owned it last stays."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM rows WHERE sequence > ?", (rows,))
        connection.execute("DELETE FROM head")
        connection.execute(
            "INSERT INTO head (only, sequence, hash) SELECT 1, sequence, hash FROM rows WHERE sequence = ?", (rows,)
        )
        connection.commit()
