"""Rows: canonical JSON of an envelope, and the hash that chains each row to the one before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

import orjson

from orchestrator.errors import JournalError, NotJsonError
from orchestrator.messages import Envelope

#: What the first row is chained to.
GENESIS: Final = bytes(32)
#: Of the file's tables; rows are the same in all versions so far.
SCHEMA_VERSION: Final = 2
_SORTED: Final = orjson.OPT_SORT_KEYS


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a journal.

    Attributes:
        sequence: 1-based position in its journal; the order of rows is this and nothing else.
        run: the run that it belongs to.
        envelope: what happened; its `measured` comes from beside the canonical row.
        canonical: the bytes that the hash covers.
        hash: SHA-256 over the hash of the row before and `canonical`.
    """

    sequence: int
    run: str
    envelope: Envelope
    canonical: bytes
    hash: bytes


def encode(run: str, envelope: Envelope) -> bytes:
    """Return the canonical JSON of an envelope: sorted keys, no spaces, UTF-8, without the measured durations.

    Raises:
        NotJsonError: if the body is not JSON.
    """
    name, topic, task, cause, at, body, _ = envelope
    row = {"at": at, "body": body, "cause": cause, "id": name, "run": run, "task": task, "topic": topic}
    try:
        return orjson.dumps(row, None, _SORTED)
    except TypeError as error:  # orjson.JSONEncodeError is one
        raise NotJsonError(f"the body of {topic!r} is not JSON: {error}; publish plain JSON values") from error


def check_json(value: Any, what: str) -> None:
    """Refuse what `encode` would refuse, and NaN and infinity, which it would turn into null.

    Raises:
        NotJsonError: naming `what` it is that is no JSON.
    """
    try:
        text = orjson.dumps(value)
        if b"null" in text:
            json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise NotJsonError(f"{what} is not JSON: {error}; give plain JSON values") from error


def decode(canonical: bytes, measured: bytes | None = None) -> tuple[str, Envelope]:
    """Return the run and the envelope that `encode` made bytes of.

    Raises:
        JournalError: if the bytes are not such a row.
    """
    try:
        row: dict[str, Any] = orjson.loads(canonical)
        envelope = Envelope(
            id=row["id"],
            topic=row["topic"],
            correlation_id=row["task"],
            causation_id=row["cause"],
            at=row["at"],
            body=row["body"],
            measured=orjson.loads(measured) if measured else None,
        )
        return row["run"], envelope
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise JournalError(
            f"a row is not what this version writes: {error!r}; run `pointsman journal verify`"
        ) from error


def chain(previous: bytes, canonical: bytes | bytearray) -> bytes:
    """Return the hash of a row: SHA-256 over the hash before it and its canonical bytes."""
    return hashlib.sha256(previous + canonical).digest()
