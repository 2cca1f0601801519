"""The isolated process: one process that runs one agent's handler, a call at a time, and can be killed whole."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from typing import Any, Final

import orjson

from orchestrator.causes import Cause
from orchestrator.clock import stopwatch
from orchestrator.errors import AttemptError
from orchestrator.frames import LENGTH_BYTES, length_of

#: Where the process begins: it gives way to the run's own, so that one that spins on every core, or only starts there,
#: holds nobody else's task up; and it gets our search path, so that it imports what we would import.
_BOOT: Final = (
    "import os, sys; os.nice(10); sys.path[:] = sys.argv[4:];"
    "from orchestrator.isolation_child import main; main(*sys.argv[1:4])"
)
#: Seconds that a process may take to import its agent.
START_S: Final = 60.0
#: A process whose own children hold its socket gives no end of file when it dies: how often to look, in seconds.
_LOOK_S: Final = 0.1
_MB: Final = 1_000_000


class IsolatedProcess:
    """A process with a process group of its own, so that whatever it starts goes with it.

    Its methods block and are called by one thread at a time; `kill` may be called by any at any moment. When we die,
    the process finds its socket closed and kills its whole group itself.
    """

    def __init__(self, reference: str, memory_mb: int | None, max_output_mb: float) -> None:
        self._limit = int(max_output_mb * _MB)
        self._killing = threading.Lock()
        self._over = False
        self._channel, theirs = socket.socketpair()
        command = [sys.executable, "-c", _BOOT, str(theirs.fileno()), reference, json.dumps(memory_mb), *sys.path]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                command, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), process_group=0
            )
        except OSError as error:
            self._channel.close()
            raise AttemptError(Cause.CRASH, f"no process could be started for the handler: {error}") from error
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """Its process id, which is that of its group, too."""
        return self._process.pid

    def exchange(self, frame: bytes, seconds: float) -> Any:
        """Send a frame and return the value of the one that comes back.

        Raises:
            AttemptError: if none came; with the cause. Use the process no more then.
        """
        until = stopwatch() + seconds
        try:
            self._send(memoryview(frame), until)
            length = length_of(self._receive(LENGTH_BYTES, until))
            if length > self._limit:
                raise AttemptError(Cause.TOO_LARGE, too_large(length, self._limit))
            return orjson.loads(self._receive(length, until))
        except (OSError, EOFError):
            raise self._died() from None
        except orjson.JSONDecodeError as error:
            raise AttemptError(Cause.CRASH, f"the handler's process answered what is no JSON: {error}") from None

    def kill(self) -> None:
        """End it and all that it started, now. It stays a zombie until `close`, so that its id is nobody else's."""
        with self._killing:
            if not self._over:
                _kill_group(self.pid)

    def close(self) -> None:
        """Kill it if it lives, and leave nothing of it."""
        with self._killing:
            if self._over:
                return
            self._over = True
            _kill_group(self.pid)
            self._process.wait()
            self._channel.close()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _send(self, rest: memoryview, until: float) -> None:
        while rest:
            self._wait(select.POLLOUT, until)
            rest = rest[self._channel.send(rest, socket.MSG_DONTWAIT) :]

    def _receive(self, count: int, until: float) -> bytearray:
        got = bytearray()
        while len(got) < count:
            self._wait(select.POLLIN, until)
            part = self._channel.recv(min(count - len(got), _MB), socket.MSG_DONTWAIT)
            if not part:
                raise EOFError
            got += part
        return got

    def _wait(self, event: int, until: float) -> None:
        """Return when the socket is ready.

        Raises:
            EOFError: if the process has ended without a word.
            AttemptError: if the time is over.
        """
        poll = select.poll()
        poll.register(self._channel, event)
        while True:
            remaining = until - stopwatch()
            if remaining <= 0:
                raise AttemptError(Cause.TIMEOUT, "")
            ended = self._has_ended()
            if poll.poll(0 if ended else 1000 * min(remaining, _LOOK_S)):
                return
            if ended:
                raise EOFError

    def _has_ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _died(self) -> AttemptError:
        """Say how it ended; it is killed first if it only closed its socket."""
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT) if self._ends_soon() else None
        if ended is None:
            return AttemptError(Cause.CRASH, "the handler's process closed its connection")
        if ended.si_code == os.CLD_EXITED:
            return AttemptError(Cause.CRASH, f"the handler's process ended with exit code {ended.si_status}")
        if ended.si_status == signal.SIGXCPU:
            return AttemptError(Cause.CPU, "")
        name = signal.Signals(ended.si_status).name
        perhaps = ", perhaps because the machine is out of memory" if ended.si_status == signal.SIGKILL else ""
        return AttemptError(Cause.CRASH, f"the handler's process was killed by {name}{perhaps}")

    def _ends_soon(self) -> bool:
        until = stopwatch() + 10 * _LOOK_S
        while not self._has_ended():
            if stopwatch() > until:
                return False
            select.poll().poll(5)
        return True


def too_large(size: int, limit: int) -> str:
    """Say that an answer is too large, and what to do."""
    return f"the answer is {size / _MB:.1f} MB of JSON, more than {limit / _MB:g}; raise max_output_mb or write a file"


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # all of it is dead already; for zombies some systems say the latter
        return
