"""Owns the lineage of a row: the causes that lead to it, back to the submission; and the agent that it speaks of."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from scenarios.glance import Glance, body_of
from scenarios.track import Track, look

#: Causes that are followed, at most.
MAX_CHAIN: Final = 100
_COMMAND: Final = "agent."


class Link(NamedTuple):
    """One row of a lineage: its topic, its task, where it stands, and the agent that it names, if any."""

    topic: str
    task: str
    row: int
    agent: str

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"topic": self.topic, "task": self.task, "row": self.row, "agent": self.agent}


class Lineage:
    """Finds the causes of rows of one run by their ids, which count up: mostly at the first try."""

    def __init__(self, track: Track, rows: int) -> None:
        self._track, self._rows = track, rows
        self._known: dict[bytes, int] | None = None

    def of(self, row: Glance, at: int) -> tuple[Link, ...]:
        """Return what led to a row, the nearest first; of long ones, the first `MAX_CHAIN`."""
        found: list[Link] = []
        while row.cause and len(found) < MAX_CHAIN:
            before = self._find(row.cause, at)
            if before is None:
                break
            row, at = before
            found.append(Link(_text(row.topic), _text(row.task), self._track.place(at), agent_of(row)))
        return tuple(found)

    def _find(self, name: bytes, below: int) -> tuple[Glance, int] | None:
        """Return the row with an id, which must stand before another one."""
        if name.isdigit() and len(name) < 10 and 0 < int(name) <= below:
            at = int(name) - 1
            row = look(self._track, at, self._track.row(at))
            if row.id == name:
                return row, at
        at = self._index().get(name, self._rows)
        return (look(self._track, at, self._track.row(at)), at) if at < below else None

    def _index(self) -> dict[bytes, int]:
        """Return all ids; made only where they do not count up from the first row on."""
        if self._known is None:
            self._known, at = {}, 0
            for chunk in self._track.chunks():
                for row in chunk:
                    self._known[look(self._track, at, row).id] = at
                    at += 1
        return self._known


def agent_of(row: Glance) -> str:
    """Return the agent that a row speaks of; empty where it speaks of none."""
    topic = _text(row.topic)
    if topic.startswith(_COMMAND):
        return topic.removeprefix(_COMMAND)
    body = body_of(row)
    decision = body.get("decision")
    named = decision.get("chosen") if isinstance(decision, dict) else body.get("agent")
    return named if isinstance(named, str) else ""


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
