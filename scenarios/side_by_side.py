"""Owns what is told of a read that is not recorded: it and the nearest recording, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from scenarios.cassette import Recording
from scenarios.changes import ABSENT, changes
from scenarios.conditions import canonical
from scenarios.tape import Miss

#: Letters of a value, and places of a request, that are shown.
_WIDE: Final = 60
_MOST: Final = 20


def tell_miss(miss: Miss) -> str:
    """Return what was asked, and a line for each place at which the nearest recording has something else."""
    what = f"call {miss.call} of task {miss.task!r} to {miss.source!r} is not recorded"
    near = miss.nearest
    if near is None:
        return f"{what}, nor anything else of it: {_shown(miss.request)}"
    rows = [
        (change.pointer or "(all)", _shown(change.recorded), _shown(change.actual))
        for change in changes(near.request, miss.request)
    ]
    if not rows:
        return f"{what} once more: the same request is call {near.call} of {near.task!r}"
    lines = _table([("where", f"recorded: call {near.call} of {near.task!r}", "asked"), *rows[:_MOST]])
    more = [f"  and {len(rows) - _MOST} more places"] if len(rows) > _MOST else []
    return "\n".join([f"{what}; nearest to it:", *lines, *more])


def tell_unused(one: Recording) -> str:
    """Return what was recorded and is not read any more."""
    return f"recorded and not read: call {one.call} of task {one.task!r} to {one.source!r}: {_shown(one.request)}"


def _shown(value: Any) -> str:
    if value is ABSENT:
        return "absent"
    text = canonical(value)
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 3]}..."


def _table(rows: list[tuple[str, str, str]]) -> Iterator[str]:
    first, second = (max(len(row[at]) for row in rows) for at in (0, 1))
    return (f"  {where:<{first}}  {recorded:<{second}}  {asked}" for where, recorded, asked in rows)
