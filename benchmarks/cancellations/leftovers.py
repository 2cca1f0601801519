"""Leftovers: what is still there once everybody should be gone."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Final, NamedTuple

from orchestrator import HttpClient

PATIENCE_S: Final = 5.0
_OURS: Final = ("journal ", "isolated ")


class Leftovers(NamedTuple):
    """What is there beyond what was there before; all 0 where nothing was left.

    Attributes:
        tasks: asyncio.Tasks.
        threads: of journals and of isolated handlers; those of the loop's own pool are counted once that is closed.
        descriptors: open files and sockets.
        processes: children, zombies included.
        slots: places in the HTTP client's pool.
        locks: journals that could not be written, or whose run was still owned.
    """

    tasks: int = 0
    threads: int = 0
    descriptors: int = 0
    processes: int = 0
    slots: int = 0
    locks: int = 0

    def beyond(self, before: Leftovers) -> Leftovers:
        """Return what is more than before."""
        return Leftovers(*(max(0, now - then) for now, then in zip(self, before, strict=True)))

    def worst(self, other: Leftovers) -> Leftovers:
        """Return the larger count of each."""
        return Leftovers(*map(max, self, other))


def count(client: HttpClient) -> Leftovers:
    """Count what there is now, without this task, locks, and connections put by, which have two ends here."""
    pool = client.statistics().pool
    assert pool is not None
    return Leftovers(
        tasks=len(asyncio.all_tasks()) - 1,
        threads=sum(thread.name.startswith(_OURS) for thread in threading.enumerate()),
        descriptors=len(os.listdir("/proc/self/fd")) - 2 * pool.idle,  # noqa: PTH208 - counted often
        processes=children(),
        slots=pool.in_use + pool.waiting,
    )


async def settled(client: HttpClient, before: Leftovers) -> Leftovers:
    """Wait until nothing is left, a few seconds at most, as a thread may be in the middle of a read; return what is."""
    until = time.monotonic() + PATIENCE_S
    while any(left := count(client).beyond(before)) and time.monotonic() < until:  # noqa: ASYNC110 - no event says that a thread or a child is gone
        await asyncio.sleep(0.001)
    return left


def children() -> int:
    """Return how many children this process has, dead or alive."""
    found = (_parent(name) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208 - counted often
    return sum(parent == os.getpid() for parent in found)


def locked(journal: Path, run: str) -> bool:
    """Say whether a journal cannot be written at once, or its run belongs to somebody."""
    if not journal.exists():
        return False
    connection = sqlite3.connect(journal, timeout=0)
    try:
        connection.execute("BEGIN IMMEDIATE")
        owner = connection.execute("SELECT owner FROM owners WHERE run = ?", (run,)).fetchone()
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        return "no such table" not in str(error)  # else it was cancelled before the file was made
    finally:
        connection.close()
    return owner is not None and owner[0] != ""


def _parent(process: str) -> int:
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended
        return 0
    return int(stat.rpartition(")")[2].split()[1])
