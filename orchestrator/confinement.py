"""The confinement: what handlers start beside a run in virtual time, such as threads, is refused by name.

What runs beside a run ends at moments that no seed decides. Blocking calls are another matter: time stands still for
them. So `asyncio.to_thread` and `loop.run_in_executor` take their turn (see `orchestrator.clock`), `subprocess.run`
blocks, and a function that `context.read` calls may do as it likes, for what comes of it is recorded.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from orchestrator.outside import READING
from orchestrator.outside_errors import UnrepeatableError
from orchestrator.own_line import own_line
from orchestrator.turns import is_turn

_THREAD: Final = "make it `asyncio.to_thread`, or do it in the function of a `context.read`"
_PROGRAM: Final = "make it `subprocess.run`, or do it in the function of a `context.read`"
_PROCESS: Final = "do it in the function of a `context.read`"
#: Functions of `subprocess` that wait for the end of what they start.
_BLOCKING: Final = frozenset(("run", "call"))

#: Owner, name, what it starts, and what to do instead.
_WAYS: Final[list[tuple[Any, str, str, str]]] = [
    (threading.Thread, "start", "it starts a thread", _THREAD),
    (ThreadPoolExecutor, "submit", "it starts a thread of a pool", _THREAD),
    (subprocess.Popen, "__init__", "it starts a program", _PROGRAM),
    *((os, name, "it starts a process", _PROCESS) for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp")),
]


@contextmanager
def confined() -> Iterator[None]:
    """Refuse threads and processes that handlers start beside the run, while the block runs.

    Only code that is run by this thread, or takes its turn with it, is meant: a server that a test has started before
    goes on as it likes. What calls no Python function, such as a thread of a C library, is not seen.

    Raises:
        UnrepeatableError: out of whatever tries, so that its agent fails and says in which line.
    """
    from multiprocessing.process import BaseProcess  # many modules, which a run without confinement does not need

    home = threading.get_ident()
    ways = [*_WAYS, (BaseProcess, "start", "it starts a process", _PROCESS)]
    ways = [way for way in ways if hasattr(way[0], way[1])]
    before = [(owner, name, vars(owner)[name]) for owner, name, _, _ in ways]
    for owner, name, what, instead in ways:
        setattr(owner, name, _guarded(getattr(owner, name), home, what, instead))
    try:
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


def is_confined() -> bool:
    """Return whether handlers of this process are confined, so that those in processes of their own are, too."""
    return hasattr(threading.Thread.start, "__wrapped__")


def _guarded(function: Callable[..., Any], home: int, what: str, instead: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def guard(*arguments: Any, **named: Any) -> Any:
        frame = sys._getframe(1)  # noqa: SLF001 - the one way to who called, at the cost of a look
        if _is_read():
            if isinstance(arguments[0] if arguments else None, threading.Thread):
                arguments[0].of_read = True
        elif (threading.get_ident() == home or is_turn()) and not _waits(frame):
            line = own_line(frame)
            if line is not None:
                raise UnrepeatableError(what, str(line), instead)
        return function(*arguments, **named)

    return guard


def _is_read() -> bool:
    """Return whether this is done within the function of a `context.read`, in a thread that it started perhaps."""
    return READING.get() or getattr(threading.current_thread(), "of_read", False)


def _waits(frame: FrameType) -> bool:
    """Return whether who called waits for the end of what it starts."""
    return frame.f_code.co_filename == subprocess.__file__ and frame.f_code.co_name in _BLOCKING
