"""Owns the names of two runs: what of a row follows from the name of its run, and so says nothing of what happened.

Each run has a name, and some values are made of it: the keys of effects (`RUN/TASK/EFFECT/1`), trace and span ids of
decisions. Two runs that did the same differ in these, and in no other way than their names do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Final

from orchestrator.decision import digest_text

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

_SPAN: Final = b'"span_id":"'
_SPAN_LENGTH: Final = 16
_TASK: Final = b',"task":"'


class Names:
    """The name of a recorded run and that of the actual one, and how to tell whether values differ in them alone.

    Attributes:
        fields: how a canonical row says whose it is, of the recorded run and of the actual one.
    """

    def __init__(self, recorded: str, actual: str, origins: tuple[str, str] = ("", "")) -> None:
        """Know both names; `origins` are those that the values of either are made of, empty for its own."""
        self.fields = _field(recorded), _field(actual)
        self._one_name = recorded == actual
        recorded, actual = origins[0] or recorded, origins[1] or actual
        self.recorded, self.actual = recorded, actual
        self.same = recorded == actual
        self._recorded_trace, self._actual_trace = _trace(recorded), _trace(actual)
        self._traces = self._recorded_trace.encode(), self._actual_trace.encode()
        self._paths = f"{recorded}/".encode(), f"{actual}/".encode()
        self._spans = _begun(recorded), _begun(actual)

    def row(self, row: bytes) -> bytes:
        """Return one of what `chunk` returns with the actual name in its body as well."""
        if self.same:
            return row
        begin = row.rfind(_TASK) + len(_TASK)
        return self.body(row, row[begin : row.find(b'"', begin)])

    def chunk(self, rows: Sequence[bytes]) -> list[bytes]:
        """Return canonical rows of the recorded run as ones of the actual run, but for its name in their bodies."""
        own, other = self.fields
        return list(rows) if self._one_name else list(map(bytes.replace, rows, repeat(own), repeat(other)))

    def body(self, body: bytes, task: bytes) -> bytes:
        """Return a body of the recorded run with the names of the actual one in it."""
        if self.same:
            return body
        body = body.replace(*self._traces).replace(*self._paths)
        at = body.find(_SPAN) + len(_SPAN)
        if at < len(_SPAN) or body[at : at + _SPAN_LENGTH] != self._span(self._spans[0], task):
            return body
        return body[:at] + self._span(self._spans[1], task) + body[at + _SPAN_LENGTH :]

    def text(self, recorded: str, actual: str, task: str) -> bool:
        """Return whether two texts are the same but for the names of their runs."""
        if recorded == actual:
            return True
        if self.same:
            return False
        if recorded in (self.recorded, self._recorded_trace):
            return actual == (self.actual if recorded == self.recorded else self._actual_trace)
        if recorded == digest_text(f"{self.recorded}/{task}"):
            return actual == digest_text(f"{self.actual}/{task}")
        return recorded.replace(f"{self.recorded}/", f"{self.actual}/") == actual

    @staticmethod
    def _span(begun: Hash, task: bytes) -> bytes:
        """Return what `digest_text` gives for RUN/TASK, given the digest of RUN/."""
        digest = begun.copy()
        digest.update(task)
        return digest.hexdigest()[:_SPAN_LENGTH].encode()


def _trace(run: str) -> str:
    return hashlib.sha256(run.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _begun(run: str) -> Hash:
    return hashlib.sha256(f"{run}/".encode("utf-8", "surrogatepass"))


def _field(run: str) -> bytes:
    import orjson

    return b',"run":' + orjson.dumps(run) + b',"task":"'
