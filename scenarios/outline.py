"""Outline: a scenario with placeholders, filled in once for each row of its examples (Gherkin's Scenario Outline)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from orchestrator.documents import Document, suggest
from orchestrator.errors import DocumentError
from orchestrator.places import Loc

ROW_TAGS: Final = "tags"  # a column of this name adds tags to its row and is no placeholder
_PLACEHOLDER: Final = re.compile(r"<([A-Za-z_][A-Za-z0-9_-]*)>")


def is_outline(document: Document) -> bool:
    """Return whether the document has examples."""
    return isinstance(document.data, dict) and "examples" in document.data


def expand(document: Document) -> list[Document]:
    """Return one document for each row of the examples of an outline.

    `<column>` stands for the row's cell in every text but keys. A text that is nothing else takes the cell's type.

    Raises:
        DocumentError: if the examples are no table, a placeholder has no column, or a column no placeholder.
    """
    template = {key: value for key, value in document.data.items() if key != "examples"}
    rows = _check_table(document, document.data["examples"])
    _check_columns(document, template, list(rows[0]))
    return [document.with_data(_fill(template, row) | {"examples": [row]}) for row in rows]


def _check_table(document: Document, rows: Any) -> list[dict[str, Any]]:
    if not isinstance(rows, list) or not rows:
        raise document.error(
            ("examples",), "examples is no list of rows", "write `- {column: cell}` lines or remove it"
        )
    columns = None
    for index, row in enumerate(rows):
        if not isinstance(row, dict) or not row:
            raise document.error(("examples", index), "a row is a mapping of cells", "write `- {column: cell}`")
        found = {column for column in row if column != ROW_TAGS}
        columns = found if columns is None else columns
        if found != columns:
            odd = ", ".join(sorted(found ^ columns))
            raise document.error(
                ("examples", index), f"row {index + 1} has other columns than row 1: {odd}", "align them"
            )
    return rows


def _check_columns(document: Document, template: dict[str, Any], columns: list[str]) -> None:
    used: set[str] = set()
    for loc, name in _placeholders(template, ()):
        if name not in columns or name == ROW_TAGS:
            raise document.error(loc, f"placeholder <{name}> has no column in examples", suggest(name, columns))
        used.add(name)
    for column in columns:
        if column not in used and column != ROW_TAGS:
            hint = f"write <{column}> somewhere or remove the column"
            raise document.error(("examples", 0, column), f"column {column!r} is used nowhere", hint, key=True)


def _placeholders(value: Any, loc: Loc) -> Iterator[tuple[Loc, str]]:
    if isinstance(value, str):
        yield from ((loc, match[1]) for match in _PLACEHOLDER.finditer(value))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _placeholders(inner, (*loc, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _placeholders(inner, (*loc, index))


def _fill(value: Any, row: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        if whole := _PLACEHOLDER.fullmatch(value):
            return row[whole[1]]
        return _PLACEHOLDER.sub(lambda match: _as_text(row[match[1]]), value)
    if isinstance(value, dict):
        return {key: _fill(inner, row) for key, inner in value.items()}
    return [_fill(inner, row) for inner in value] if isinstance(value, list) else value


def _as_text(cell: Any) -> str:
    return cell if isinstance(cell, str) else orjson.dumps(cell).decode()


def in_row(error: DocumentError, row: int) -> DocumentError:
    """Return the error with the number of the row that led to it."""
    return DocumentError(error.path, error.line, error.column, f"{error.problem} (examples, row {row})", error.hint)
