"""Process: how a process is named in a journal, and how another one knows that it is gone."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson


@dataclass(frozen=True, slots=True)
class Process:
    """A process, by what tells it from any other one.

    Attributes:
        host: name of the machine, for people.
        boot: id of this boot and of its space of process ids: pids of two containers mean different processes.
        pid: its number.
        started: when it started, in ticks since the boot: pids are given out again. Empty where that is not known.
        lease_s: seconds without a beat after which it may be taken for dead.
    """

    host: str
    boot: str
    pid: int
    started: str
    lease_s: float

    def to_text(self) -> str:
        """Return it as the text that stands in the journal."""
        return orjson.dumps(asdict(self), None, orjson.OPT_SORT_KEYS).decode()

    @classmethod
    def from_text(cls, text: str) -> Process:
        """Return the process that a text names; of a text that cannot be read, one of which nothing is known."""
        try:
            value = orjson.loads(text)
            return cls(value["host"], value["boot"], int(value["pid"]), value["started"], float(value["lease_s"]))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return cls("?", "?", 0, "", 0.0)

    def is_known_to_be_gone(self) -> bool:
        """Return whether it surely does not run any more; False where that cannot be seen from here.

        Only a process of this boot and of this space of process ids can be looked up; another machine's cannot, nor
        one of before a restart, for two machines may bear one name.
        """
        if os.name != "posix" or self.boot != _boot() or self.pid <= 0:
            return False  # on Windows, asking whether a process lives would end it
        state, started = _look_up(self.pid)
        if state == "?":
            return not _answers(self.pid)
        return state in "ZX" or (self.started not in ("", started))


def this_process(lease_s: float) -> Process:
    """Return the process that asks."""
    return Process(platform.node(), _boot(), os.getpid(), _look_up(os.getpid())[1], lease_s)


def _boot() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - the link's target is no path
    except OSError:
        return platform.node()


def _look_up(pid: int) -> tuple[str, str]:
    """Return the state and the time of start of a process, from /proc; `?` where there is none of either."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "?", ""
    fields = text[text.rindex(")") + 2 :].split()  # the name before it may hold spaces and brackets
    return fields[0], fields[19]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is there, and somebody else's
        return True
    return True
