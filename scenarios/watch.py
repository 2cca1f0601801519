"""Owns the watch: what handlers read past their context, seen while they run, down to the line.

It listens where Python tells debuggers and auditors what happens (`sys.setprofile`, `sys.addaudithook`), so it does not
matter by which name a function was imported, or which library called it. Handlers are slower meanwhile. An audit hook
can never be taken away again: so this is for processes that do nothing else.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from orchestrator.offline import REFUSING
from orchestrator.outside import READING
from orchestrator.own_line import OwnLine, kind_of, own_line
from scenarios.leaks import Kind, Leak
from scenarios.wires import BUILTINS, DATES, DRAWS, EVENTS, QUIET

#: Modules whose functions people know, rather than what they come to.
_NAMED: Final = frozenset(("random", "uuid", "secrets", "tempfile"))
#: What all of a module comes to.
_KINDS: Final[dict[str, Kind]] = {"uuid": "id", "tempfile": "file"}
#: Whose handler is at work.
AGENT: Final[ContextVar[str]] = ContextVar("agent", default="")


class Watch:
    """Hears of what handlers read.

    Attributes:
        ran: the functions of own code that ran, and for whose handler.
    """

    def __init__(self, workspace: Path) -> None:
        """Prepare.

        Args:
            workspace: files below it are the agent's own to read.
        """
        self._workspace = f"{workspace.resolve()}{os.sep}"
        self._seen: Counter[tuple[str, OwnLine, Kind, str]] = Counter()
        self._on = False
        self.ran: dict[CodeType, str] = {}
        self._functions: dict[CodeType, Callable[[FrameType], tuple[Kind, str] | None]] = {
            random.Random.seed.__code__: _unseeded,
            os._Environ.__getitem__.__code__: _variable,  # noqa: SLF001 - what `os.environ` is
            os._Environ.__iter__.__code__: lambda _frame: ("environment", "os.environ"),  # noqa: SLF001 - the same
            threading.Thread.start.__code__: lambda _frame: ("thread", "threading.Thread.start"),
        }

    @property
    def leaks(self) -> tuple[Leak, ...]:
        """What was read so far; what is only suspect is a guess."""
        return tuple(
            Leak(agent, line, kind, what, times, guess=kind == "hash")
            for (agent, line, kind, what), times in sorted(self._seen.items())
        )

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen while the block runs."""
        sys.addaudithook(self._audit)
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)
        self._on = True
        try:
            yield
        finally:
            self._on = False
            sys.setprofile(None)
            threading.setprofile(None)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _profile(self, frame: FrameType, event: str, arg: Any) -> None:
        agent = AGENT.get()
        if not agent or READING.get():
            return
        if event == "c_call":
            found = _builtin(arg)
            if found is not None and (found[0] not in ("hash", "thread") or kind_of(frame.f_code) != "standard"):
                self._note(agent, frame, *found)
        elif event == "call":
            code = frame.f_code
            if code in REFUSING:
                self._note(agent, frame.f_back, "network", "a connection")
            elif code in self._functions:
                known = self._functions[code](frame)
                if known is not None:
                    self._note(agent, frame, *known)
            elif code not in self.ran and kind_of(code) in ("own", "library"):
                self.ran[code] = agent

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._on or event not in EVENTS:
            return
        agent = AGENT.get()
        if not agent or READING.get():
            return
        frame = sys._getframe(1)  # noqa: SLF001 - an audit hook is told no frame
        if event == "os.posix_spawn" and frame.f_globals.get("__name__") == "subprocess":
            return  # what a Popen comes to, and that was told
        if event != "open":
            self._note(agent, frame, *EVENTS[event])
        elif isinstance(arguments[0], str | bytes | os.PathLike):
            self._note_file(agent, frame, os.path.abspath(os.fsdecode(arguments[0])))  # noqa: PTH100 - links stay links

    def _note_file(self, agent: str, frame: FrameType, path: str) -> None:
        line = _line(frame, "file")
        if line is None or os.path.realpath(path).startswith(self._workspace) or path == os.devnull:
            return
        if not path.startswith(
            (f"{Path(line.file).parent}{os.sep}", f"{sys.prefix}{os.sep}", f"{sys.base_prefix}{os.sep}")
        ):
            self._seen[agent, line, "file", _known_as(frame, f"open({path!r})")] += 1

    def _note(self, agent: str, frame: FrameType | None, kind: Kind, what: str) -> None:
        line = _line(frame, kind)
        if line is not None:
            name = _known_as(frame, what)
            self._seen[agent, line, _KINDS.get(name.partition(".")[0], kind), name] += 1


def _line(frame: FrameType | None, kind: Kind) -> OwnLine | None:
    """Return the own line from which something was called; None where what lies between makes it of no account."""
    line = own_line(frame)
    if line is None:
        return None
    while frame is not None and frame.f_code.co_filename != line.file:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return None
        if kind not in ("thread", "program", "network") and frame.f_code.co_filename.startswith(QUIET):
            return None
        frame = frame.f_back
    return line


def _known_as(frame: FrameType | None, what: str) -> str:
    """Return the function of the standard library that own code called, and that came to this in the end."""
    name = what
    while frame is not None and kind_of(frame.f_code) == "standard":
        module = frame.f_globals.get("__name__", "")
        if module in _NAMED:
            called = frame.f_code.co_name
            name = f"{module}.{type(frame.f_locals.get('self')).__name__ if called.startswith('__') else called}"
        frame = frame.f_back
    return name


def _builtin(function: Any) -> tuple[Kind, str] | None:
    found = BUILTINS.get(function)
    if found is not None:
        return found
    owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    if name in DATES and isinstance(owner, type) and issubclass(owner, DATES[name]):
        return "time", f"{owner.__name__}.{name}"
    if name in DRAWS and owner is random._inst:  # noqa: SLF001 - whose methods `random.random` and others are
        return "random", f"random.{name}"
    return ("environment", "socket.gethostname") if function is socket.gethostname else None


def _unseeded(frame: FrameType) -> tuple[Kind, str] | None:
    return ("random", "random.seed()") if frame.f_locals.get("a") is None else None


def _variable(frame: FrameType) -> tuple[Kind, str]:
    return "environment", f"os.environ[{frame.f_locals.get('key')!r}]"
