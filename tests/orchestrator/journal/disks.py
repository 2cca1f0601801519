"""Disks for tests: small ones, broken ones, ones whose power is cut, and a process that writes a journal on them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator.journal import Durability, JournalReader

_SOURCE = Path(__file__).with_name("data") / "disk.c"

#: Writes row 0, says so, waits for a line, then lets 16 tasks write rows until all are refused or `most` are written.
WRITER = """
import asyncio, resource, sys
from orchestrator.errors import JournalError
from orchestrator.journal import SqliteJournal
from orchestrator.messages import Envelope

def say(*words):
    print(*words, flush=True)

async def write(journal, n, filler):
    journal.append(Envelope(str(n), "task.x", f"t{n}", "", 1.0, {"n": n, "filler": filler}))
    await journal.sync()
    say("ack", n)

async def work(journal, first, most):
    try:
        for n in range(first, most, 16):
            await write(journal, n, "x" * 2000)
    except JournalError as error:
        say("refused", error)

async def main(path, most, limit, durability, checkpoint):
    try:
        journal = SqliteJournal(path, "r", durability=durability)
        journal._connection.execute(f"PRAGMA wal_autocheckpoint={checkpoint}")
        await write(journal, 0, "")
    except JournalError as error:
        return say("refused", error)
    await asyncio.to_thread(sys.stdin.readline)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    async with asyncio.TaskGroup() as group:
        for first in range(1, 17):
            group.create_task(work(journal, first, most))
    try:
        await journal.aclose()
        say("closed")
    except JournalError as error:
        say("refused", error)

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5])))
"""


class Writer:
    """A process that writes rows to a journal; what it says is its list of acknowledged rows and refusals.

    Args:
        path: the journal.
        most: rows that it writes.
        limit: bytes that a file of it may have, from the second row on; 0 for any.
        durability: of the journal.
        checkpoint: pages after which the log goes into the file.
        environment: more of it.
    """

    def __init__(
        self,
        path: Path,
        *,
        most: int = 10_000,
        limit: int = 0,
        durability: Durability = "power-cut-safe",
        checkpoint: int = 1_000,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.path, self._heard = path, b""
        command = [sys.executable, "-c", WRITER, str(path), str(most), str(limit), durability, str(checkpoint)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
        )
        assert self.process.stdout is not None
        self.first = self.process.stdout.readline().strip()

    def go(self) -> None:
        """Let it write."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        """Wait for the next line that it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def hear_some(self, count: int) -> None:
        """Wait until it has said so many lines more."""
        assert self.process.stdout is not None
        wanted = self._heard.count(b"\n") + count
        while self._heard.count(b"\n") < wanted:
            part = os.read(self.process.stdout.fileno(), 65_536)
            assert part, "it has ended"
            self._heard += part

    def freeze(self) -> set[int]:
        """Stop it where it is; return the rows acknowledged since `go`, the first one included."""
        os.kill(self.process.pid, signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        os.set_blocking(descriptor, False)
        with contextlib.suppress(BlockingIOError):
            while part := os.read(descriptor, 65_536):
                self._heard += part
        os.set_blocking(descriptor, True)
        return read_said([self.first, *self._heard.decode().splitlines()[:-1]])[0]

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()

    def finish(self) -> tuple[set[int], list[str]]:
        """Let it write to its end; return the rows acknowledged and what it says of the others."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended
            self.process.stdin.write("\n")
            self.process.stdin.close()
        with self.process.stdout:
            said = self.process.stdout.read()  # `communicate` would leave out what `readline` has read ahead
        self.process.wait()
        return read_said([self.first, *said.splitlines()])


def read_said(lines: list[str]) -> tuple[set[int], list[str]]:
    """Return the rows acknowledged, and the other lines."""
    acknowledged = {int(line.removeprefix("ack ")) for line in lines if line.startswith("ack ")}
    return acknowledged, [line for line in lines if not line.startswith("ack ")]


def rows_of(path: Path) -> set[int]:
    """Verify a journal; return the numbers of the rows in it."""
    with JournalReader(path) as reader:
        rows = {int(row.envelope.id) for row in reader.rows()}
        assert reader.verify().rows == len(rows)
    return rows


@pytest.fixture(scope="session")
def disk_library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Compile the disk that fails on demand; what to set LD_PRELOAD to."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("NOT SHOWN: a disk that fails on demand needs Linux and a C compiler; install one to see it")
    library = tmp_path_factory.mktemp("disk") / "disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, _SOURCE, "-ldl"], check=True)
    return str(library)


def mount(folder: Path, *arguments: str) -> None:
    """Mount, or skip loudly where that is not possible."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *arguments, str(folder)], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"NOT SHOWN: mounting needs root: {done.stderr.strip()}; run it as root to see it")


def unmount(folder: Path) -> None:
    """Unmount; at once, whoever still looks at it."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
