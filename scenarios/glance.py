"""Owns the glance: what a row of a journal says of itself, read without decoding its body."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import orjson

_KEYS: Final = [b"cause", b"id", b"run", b"task", b"topic"]
#: What text between quotes makes of the end of a canonical row, from `,"cause":"` on: five keys and five values.
_PARTS: Final = 21
_NUMBER: Final = b"0123456789.eE+-"
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
    begin, end = row.find(b',"body":'), row.rfind(b',"cause":"')
    if 6 < begin < end and row.startswith(b'{"at":') and not row[6:begin].strip(_NUMBER):
        parts = row[end:].split(b'"')
        if len(parts) == _PARTS and parts[1::4] == _KEYS and parts[-1] == b"}" and b"\\" not in row[end:]:
            return Glance(row[6:begin], row[begin + 8 : end], parts[3], parts[7], parts[11], parts[15], parts[19])
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
