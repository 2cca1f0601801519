"""Scan: looks for secrets in files that are there already, with the rules of a profile, and says where they are."""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from orchestrator.errors import PointsmanError
from orchestrator.redaction.key import RedactionKey
from orchestrator.redaction.profile import Profile
from orchestrator.redaction.redactor import Redactor

#: Letters of one part of a file that has no lines; parts overlap, so that what is cut is whole in the other.
_PART: Final = 1_000_000
_OVERLAP: Final = 4_000
_SQLITE: Final = b"SQLite format 3\0"
_GZIP: Final = b"\x1f\x8b"


class Find(NamedTuple):
    """Where secrets are, and of which rule; what they are is not in it.

    Attributes:
        path: of the file.
        place: line, or table, row and column.
        rule: that knows them.
        places: how many stand there.
    """

    path: str
    place: str
    rule: str
    places: int


def scan(path: Path, profile: Profile) -> Iterator[Find]:
    """Yield where a file, or any file of a folder, holds secrets.

    A journal is read row by row, and its file as bytes besides, with what its WAL and its free pages still hold.

    Raises:
        PointsmanError: if it cannot be read.
        RedactionError: if a rule fails.
    """
    if path.is_dir():
        for inner in sorted(path.iterdir()):
            if not inner.is_symlink():
                yield from scan(inner, profile)
        return
    try:
        data = path.read_bytes()
        if data.startswith(_GZIP):
            data = gzip.decompress(data)
        rows = list(_of_rows(path)) if data.startswith(_SQLITE) else []
    except (OSError, EOFError, sqlite3.Error) as error:
        raise PointsmanError(f"{path}: cannot be read: {error}; scan what can be read") from None
    found = list(_finds(path, rows, profile))
    yield from found
    known = {find.rule for find in found}
    rest = _of_bytes(data) if rows or _is_binary(data) else _of_lines(data)
    yield from (find for find in _finds(path, rest, profile) if find.rule not in known)


def _finds(path: Path, parts: Iterable[tuple[str, Any]], profile: Profile) -> Iterator[Find]:
    for place, part in parts:
        redact = Redactor(profile, RedactionKey(b"nobody sees these", ""))
        redact(part)
        yield from (Find(str(path), place, rule, tally.places) for rule, tally in redact.tallies.items())


def _is_binary(data: bytes) -> bool:
    return b"\0" in data[:8000]


def _of_lines(data: bytes) -> Iterator[tuple[str, Any]]:
    whole = _json(data)
    if whole is not None:
        yield "the whole", whole
        return
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            value = _json(line)
            yield f"line {number}", line.decode("utf-8", "replace") if value is None else value


def _json(data: bytes) -> Any:
    if data.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None


def _of_bytes(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the printable parts of bytes."""
    letters = data.decode("latin-1").translate(_PRINTABLE)
    for at in range(0, len(letters), _PART):
        yield f"bytes from {at}", letters[max(0, at - _OVERLAP) : at + _PART]


_PRINTABLE: Final = dict.fromkeys((*range(9), *range(11, 32), *range(127, 256)), "\n")


def _of_rows(path: Path) -> Iterator[tuple[str, Any]]:
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        tables = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (name,) in tables:
            table = name.decode()
            quoted = '"' + table.replace('"', '""') + '"'
            for number, row in enumerate(connection.execute(f"select * from {quoted}"), 1):  # noqa: S608 - quoted
                for value in row:
                    if isinstance(value, bytes):
                        plain = _json(value)
                        yield f"{table} row {number}", value.decode("utf-8", "replace") if plain is None else plain
