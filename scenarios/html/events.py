"""Events: all rows of a run in columns, with their bodies in pieces of so many rows."""

from __future__ import annotations

from array import array
from typing import Any, Final

import orjson

from orchestrator.messages import Envelope
from orchestrator.topics import TASK_SUBMITTED
from scenarios.html.blocks import pack, pack_text
from scenarios.html.columns import Words, differences

#: Rows of which the bodies are kept together, and bytes of a body that are kept.
PART: Final = 2048
MOST_BODY: Final = 4000
_KNOWN: Final = ("id", "request", "after", "parent")


class Events:
    """The rows, by number from 0 in their order.

    Attributes:
        topics: names of the topics.
        at: seconds since the epoch.
    """

    def __init__(self) -> None:
        self.topics = Words()
        self.at = array("d")
        self._topic, self._task, self._cause = array("H"), array("l"), array("l")
        self._sequence = array("q")
        self._numbers: dict[str, int] = {}
        self._waiting: list[bytes] = []
        self._parts: list[bytes] = []

    def __len__(self) -> int:
        return len(self.at)

    def take(self, sequence: int, envelope: Envelope, task: int) -> None:
        """Add a row.

        Args:
            sequence: in its journal, or line of its file.
            envelope: what happened.
            task: number of the task that it is about; -1 for the run.
        """
        self._cause.append(self._numbers.get(envelope.causation_id, -1))
        self._numbers[envelope.id] = len(self.at)
        self._topic.append(self.topics.place(envelope.topic))
        self._task.append(task)
        self.at.append(envelope.at)
        self._sequence.append(sequence)
        self._waiting.append(_body(envelope))
        if len(self._waiting) == PART:
            self._flush()

    def columns(self) -> bytes:
        """Return all but the bodies, packed: times in microseconds after the first row, causes as rows before."""
        begun = self.at[0] if self.at else 0.0
        return pack(
            {
                "topic": self._topic.tolist(),
                "task": self._task.tolist(),
                "at": differences(round((at - begun) * 1e6) for at in self.at),
                "cause": [at - cause if cause >= 0 else 0 for at, cause in enumerate(self._cause)],
                "sequence": differences(self._sequence),
            }
        )

    def bodies(self) -> list[bytes]:
        """Return the bodies, packed, `PART` rows to a piece."""
        if self._waiting:
            self._flush()
        return self._parts

    def _flush(self) -> None:
        self._parts.append(pack_text(b"[" + b",".join(self._waiting) + b"]"))
        self._waiting.clear()


def _body(envelope: Envelope) -> bytes:
    """Return what a row says, without what a page knows already: decisions, requests, commands."""
    body: Any = envelope.body
    if envelope.topic == TASK_SUBMITTED:
        body = {**body, "task": {name: value for name, value in body["task"].items() if name not in _KNOWN}}
    elif "decision" in body and envelope.topic.startswith("task."):
        body = {name: value for name, value in body.items() if name != "decision"}
    elif body == {"task": envelope.correlation_id}:
        body = None
    if envelope.measured:
        body = {**body, "(measured)": {name: round(value, 6) for name, value in envelope.measured.items()}}
    text = orjson.dumps(body)
    if len(text) > MOST_BODY:
        return orjson.dumps(text[:MOST_BODY].decode("utf-8", "ignore") + " …")
    return text
