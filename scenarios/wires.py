"""Owns the wires: the functions of the standard library by which something from outside comes in, and what it is."""

from __future__ import annotations

import _thread
import asyncio
import builtins
import concurrent.futures
import datetime as dt
import linecache
import logging
import os
import queue
import selectors
import subprocess
import threading
import time
import traceback
import uuid
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from scenarios.leaks import Kind


def _of(module: ModuleType, kind: Kind, *names: str) -> dict[Any, tuple[Kind, str]]:
    """Return those functions that this system has."""
    return {getattr(module, name): (kind, f"{module.__name__}.{name}") for name in names if hasattr(module, name)}


#: Written in C.
BUILTINS: Final[Mapping[Any, tuple[Kind, str]]] = {
    **_of(time, "time", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
    **_of(time, "time", "process_time", "process_time_ns", "thread_time", "localtime", "ctime"),
    **_of(os, "random", "urandom", "getrandom"),
    **_of(os, "environment", "getpid", "getppid", "uname", "cpu_count", "getlogin"),
    **_of(_thread, "thread", "start_new_thread"),
    **_of(builtins, "hash", "id", "hash"),
    **({uuid._generate_time_safe: ("id", "uuid.uuid1")} if uuid._generate_time_safe else {}),  # type: ignore[attr-defined]  # noqa: SLF001 - what uuid1 calls
}
#: Class methods that subclasses have, too.
DATES: Final[Mapping[str, type]] = {"now": dt.datetime, "utcnow": dt.datetime, "today": dt.date}
#: Methods of the generator that everybody shares.
DRAWS: Final = frozenset(("random", "getrandbits"))
#: Events of audits.
EVENTS: Final[Mapping[str, tuple[Kind, str]]] = {
    "open": ("file", "open"),
    "subprocess.Popen": ("program", "subprocess"),
    "os.system": ("program", "os.system"),
    "os.fork": ("program", "os.fork"),
    "os.forkpty": ("program", "os.forkpty"),
    "os.posix_spawn": ("program", "os.posix_spawn"),
    "os.exec": ("program", "os.exec"),
    "socket.bind": ("network", "socket.bind"),
}
#: Files whose own reads decide nothing that a handler could return: the time of a log line, how long to wait.
QUIET: Final = tuple(
    str(Path(module.__file__ or "").parent if (module.__file__ or "").endswith("__init__.py") else module.__file__)
    for module in (
        asyncio, concurrent.futures, linecache, logging, queue, selectors, subprocess, threading, traceback, warnings
    )
)  # fmt: skip
