"""One table as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[list[str]]) -> str:
    """Return one table as Markdown."""
    lines = [list(head), ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def aligned(head: Sequence[str], rows: Iterable[list[str]]) -> str:
    """Return one table as Markdown whose columns stand under each other, to be read in a terminal as well."""
    body = [list(head), *rows]
    widths = [max(map(len, column)) for column in zip(*body, strict=True)]
    lines = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in body]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
