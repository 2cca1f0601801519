"""Owns the glance: what a row of a journal says of itself, read without decoding its body."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import orjson

_CAUSE: Final = b',"cause":"'
_HEAD: Final = re.compile(rb'\{"at":([0-9.eE+-]+),"body":').match
_TAIL: Final = re.compile(
    rb',"cause":"([^"\\]*)","id":"([^"\\]*)","run":"([^"\\]*)","task":"([^"\\]*)","topic":"([^"\\]*)"\}'
).fullmatch
_new: Final = tuple.__new__
_TEXTS: Final = ("cause", "id", "run", "task", "topic")


class Glance(NamedTuple):
    """The parts of a row as bytes: texts in UTF-8, the body as canonical JSON.

    Attributes:
        at: seconds since the epoch, as written.
        body: JSON object, undecoded.
        cause: id of the envelope that led to it; empty for the first.
        id: of the envelope.
        run: the run that it belongs to.
        task: the task that it is about; empty for facts about the run.
        topic: address.
    """

    at: bytes
    body: bytes
    cause: bytes
    id: bytes
    run: bytes
    task: bytes
    topic: bytes


def glance(row: bytes) -> Glance:
    """Return the parts of a row; one that is not canonical is decoded, and its body made canonical.

    Keys of a canonical row are sorted, so the last `,"cause":"` between bare quotes is its own, whatever the body
    holds: within a text the quotes would be escaped.

    Raises:
        ValueError: if it is no row.
    """
    end = row.rfind(_CAUSE)
    head, tail = _HEAD(row), _TAIL(row, end) if end > 0 else None
    if head is not None and tail is not None and head.end() < end:
        # What Glance(...) does, without a Python call.
        return _new(Glance, (head[1], row[head.end() : end], *tail.groups()))
    return _decoded(row)


def is_json(body: bytes) -> bool:
    """Return whether a body can be decoded."""
    try:
        orjson.loads(body)
    except ValueError:
        return False
    return True


def body_of(row: Glance) -> dict[str, Any]:
    """Return the body of a row, decoded; empty where it is no JSON object, which its comparison has to refuse."""
    try:
        value = orjson.loads(row.body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _decoded(row: bytes) -> Glance:
    value: Any = orjson.loads(row)  # its JSONDecodeError is a ValueError
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__} where an object should be")  # noqa: TRY004 - of the text, not a call
    wrong = [key for key in _TEXTS if not isinstance(value.get(key), str)]
    wrong += [] if isinstance(value.get("body"), dict) else ["body"]
    wrong += [] if isinstance(value.get("at"), int | float) else ["at"]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is missing or of the wrong kind")
    body = orjson.dumps(value["body"], None, orjson.OPT_SORT_KEYS)
    texts = (value[key].encode() for key in _TEXTS)
    return Glance(orjson.dumps(value["at"]), body, *texts)
