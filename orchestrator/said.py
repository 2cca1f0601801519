"""What was said, as a file: one word on one task a line, every bad line refused by number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from orchestrator.documents import suggest
from orchestrator.errors import DocumentError

MAX_BYTES: Final = 64 * 1024 * 1024
_DEFAULTS: Final[dict[str, Any]] = {"task": "", "right": None, "should_be": "", "note": "", "run": ""}
_HINT: Final = 'write one object a line, {"task": "ID", "should_be": "AGENT"} or {"task": "ID", "right": true}'


def read_said(path: Path) -> list[dict[str, Any]]:
    """Read words on tasks from JSON Lines; blank lines are skipped.

    Returns:
        Objects with `task`, `right` (None where `should_be` tells), `should_be` ("" where it is not known) and `note`,
        and `run` where it is named.

    Raises:
        DocumentError: if the file cannot be read, or a line is not what it should be.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DocumentError(path, 0, 0, f"it is larger than {MAX_BYTES} bytes", "split it")
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise DocumentError(path, 0, 0, f"it cannot be read: {error.strerror}", "check the path") from None
    found = [_said(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not found:
        raise DocumentError(path, 0, 0, "it says nothing", _HINT)
    return found


def _said(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DocumentError(path, number, 1, f"no JSON: {error}", _HINT) from None
    if not isinstance(value, dict):
        raise DocumentError(path, number, 1, f"{type(value).__name__} where an object should be", _HINT)
    for key, given in value.items():
        if key not in _DEFAULTS:
            raise DocumentError(path, number, 1, f"unknown key {key!r}", suggest(key, _DEFAULTS))
        if not isinstance(given, bool if key == "right" else str):
            raise DocumentError(path, number, 1, f"{key!r} is {type(given).__name__}", _HINT)
    if not value.get("task") or ("right" not in value and not value.get("should_be")):
        raise DocumentError(path, number, 1, "'task', and 'right' or 'should_be', are needed", _HINT)
    return {
        "right": None,
        "should_be": "",
        "note": "",
        **{key: given for key, given in value.items() if key != "run" or given},
    }
