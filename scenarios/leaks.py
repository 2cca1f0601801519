"""Owns the leak: something that an agent reads past its context, so that no seed and no recording decides it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from orchestrator.own_line import OwnLine

Kind = Literal[
    "time", "id", "random", "environment", "file", "network", "thread", "program", "hash", "set order", "unknown"
]
#: What to do instead.
INSTEAD: Final[Mapping[Kind, str]] = {
    "time": "context.clock.now()",
    "id": "context.new_id()",
    "random": "context.random",
    "environment": "read it at import, or context.read('environment', ...)",
    "file": "context.path(...) for a file of the workspace, context.read('file', ...) for another",
    "network": "HttpClient, or context.read('network', ...)",
    "thread": "await asyncio.to_thread(...), or context.read(...)",
    "program": "context.read('program', ...)",
    "hash": "sort by what is in it, not by hash() or id()",
    "set order": "sorted(...)",
    "unknown": "look at what its tasks share, and at what is not written in Python",
}


@dataclass(frozen=True, slots=True, order=True)
class Leak:
    """Something read past the context.

    Attributes:
        agent: whose handler did.
        line: where, in its own code.
        kind: of what was read.
        what: the function, as people know it.
        times: how often in one run; 0 where it was seen in the source only.
        guess: whether it is only likely that this is what makes runs differ.
    """

    agent: str
    line: OwnLine
    kind: Kind
    what: str
    times: int = 1
    guess: bool = False

    @property
    def instead(self) -> str:
        """What to do instead."""
        return INSTEAD[self.kind]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        where = {"file": self.line.file, "line": self.line.line}
        about = {"kind": self.kind, "what": self.what, "times": self.times, "guess": self.guess}
        return {"agent": self.agent, **where, **about, "instead": self.instead}
