"""Damaged journals for tests, and the ways in which they come by it."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from orchestrator.journal import SqliteJournal
from orchestrator.messages import Envelope
from orchestrator.topics import RUN_STOPPED

ROWS = 200
PAGE = 16_384


async def write(path: Path, run: str, count: int) -> None:
    """Write a finished run."""
    journal = SqliteJournal(path, run, durability="os-crash-may-lose")
    for n in range(count - 1):
        journal.append(Envelope(str(n), "task.x", f"t{n}", "", 1.0, {"n": n, "filler": "x" * 1_000}))
    journal.append(Envelope("9", RUN_STOPPED, "", "", 1.0, {"unfinished": []}))
    await journal.aclose()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of two runs."""
    path = tmp_path_factory.mktemp("made") / "j.db"
    asyncio.run(write(path, "r1", ROWS // 2))
    asyncio.run(write(path, "r2", ROWS // 2))
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """Copy it."""
    shutil.copy(made, tmp_path / "j.db")
    return tmp_path / "j.db"


def edit(path: Path, *statements: str) -> None:
    """Change it by hand."""
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def cut(path: Path) -> None:
    """Cut off its end."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 3 * PAGE - 100)


def garbage(path: Path) -> None:
    """Overwrite a page in its middle."""
    with path.open("r+b") as file:
        file.seek(8 * PAGE)
        file.write(b"\xa5" * PAGE)


def no_first_page(path: Path) -> None:
    """Overwrite its first page."""
    with path.open("r+b") as file:
        file.write(b"\0" * PAGE)


def empty(path: Path) -> None:
    """Leave nothing of it."""
    path.write_bytes(b"")


def other(path: Path) -> None:
    """Put another database in its place."""
    path.unlink()
    edit(path, "CREATE TABLE customers (name)")
