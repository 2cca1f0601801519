"""Pointers: a JSON Pointer (RFC 6901) as the place in a value at which another one is put."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from scenarios.errors import RecordingError


def tokens(pointer: str) -> list[str]:
    """Return the parts of a pointer.

    Raises:
        RecordingError: if it is none.
    """
    if pointer and not pointer.startswith("/"):
        raise RecordingError(f"{pointer!r} is no JSON pointer; write '/{pointer}'")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def put(value: Any, pointer: str, new: Any) -> Any:
    """Return a copy of a value with another one at a place that there is, or as a new key of an object.

    Raises:
        RecordingError: if the pointer leads nowhere.
    """
    *way, last = tokens(pointer) or [""]
    if not pointer:
        return deepcopy(new)
    copy = deepcopy(value)
    holder = copy
    for part in way:
        holder = _inside(holder, part, pointer)
    if isinstance(holder, list):
        _inside(holder, last, pointer)
        holder[int(last)] = deepcopy(new)
    elif isinstance(holder, dict):
        holder[last] = deepcopy(new)
    else:
        raise RecordingError(f"pointer {pointer!r} leads nowhere: there is no {last!r} in {holder!r:.100}")
    return copy


def _inside(holder: Any, part: str, pointer: str) -> Any:
    if isinstance(holder, dict) and part in holder:
        return holder[part]
    if isinstance(holder, list) and part.isdecimal() and int(part) < len(holder):
        return holder[int(part)]
    raise RecordingError(f"pointer {pointer!r} leads nowhere: there is no {part!r} in {holder!r:.100}")
