"""The view of a comparison: each first cause with both sides beside each other; shared by whoever compares runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from orchestrator.cli.console import cell, shorten, show, table

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from scenarios.divergence import Comparison, Divergence
    from scenarios.lineage import Link
    from scenarios.origin import Origin

#: Characters of a value, and changes of a row, that are shown; `--json` has all of it.
_WIDTH: Final = 200
_CHANGES: Final = 5
_LINKS: Final = 12
_MOVED: Final = 5


def show_comparison(found: Comparison, origins: Mapping[str, Origin]) -> None:
    """Print what two runs differ in, for people."""
    both = zip(("recorded", "actual"), (found.recorded, found.actual), found.rows, strict=True)
    show(*(_fact(side, cell(f"{name}, {rows} rows")) for side, name, rows in both))
    for number, divergence in enumerate(found.divergences, start=1):
        show("", *_view(number, divergence, origins.get(divergence.agent)))
    show("", *_moved(found), _summary(found))


def _view(number: int, one: Divergence, origin: Origin | None) -> Iterator[Text | Table]:
    about = f"{one.topic} of {one.task}" if one.task else one.topic
    yield (
        cell(f"{number}.", "bold")
        .append(" ")
        .append(one.kind, "bold red")
        .append(": ")
        .append_text(cell(about, "bold"))
    )
    where = [f"row {side.row}" if side else "no such row" for side in (one.recorded, one.actual)]
    rows: list[tuple[object, ...]] = [("", *where)]
    rows += [(change.pointer or "order", *sides(change.recorded, change.actual)) for change in one.changes[:_CHANGES]]
    yield table(("where", "recorded", "actual"), rows)
    if len(one.changes) > _CHANGES:
        yield cell(f"and {len(one.changes) - _CHANGES} more places, see --json", "dim")
    yield _fact("upstream", cell(_chain(one.upstream)))
    if one.agent and origin is not None:
        where_to = f"source unavailable: {origin.why_not}" if origin.why_not else f"{origin.file}:{origin.line}"
        yield _fact("agent", cell(f"{one.agent}, {where_to}"))
    if one.below:
        yield _fact("then", cell(f"{_count(one.below, 'later difference')} from it"))


def _fact(what: str, fact: Text) -> Text:
    return cell(what, "dim").append(" " * (10 - len(what))).append_text(fact)


def sides(recorded: Any, actual: Any) -> tuple[Text, Text]:
    """Return two values, to stand beside each other."""
    return _value(recorded), _value(actual)


def _value(value: Any) -> Text:
    from scenarios.changes import ABSENT

    if value is ABSENT:
        return cell("absent", "dim")
    return cell(shorten(json.dumps(value, ensure_ascii=False), _WIDTH))


def _chain(upstream: tuple[Link, ...]) -> str:
    """Return the causes in one line; the task is named where it changes."""
    parts, task = [], ""
    for link in upstream[:_LINKS]:
        named = f" of {link.task}" if link.task and link.task != task else ""
        task = link.task or task
        parts.append(f"{link.topic}{named} (row {link.row})")
    more = len(upstream) - _LINKS
    parts += [f"{more} more"] if more > 0 else []
    return " ← ".join(parts) or "none: it was the first"


def _moved(found: Comparison) -> Iterator[Text]:
    if not found.moved_rows:
        return
    shown = [f"{one.topic} of {one.task}" if one.task else one.topic for one in found.moved[:_MOVED]]
    more = f" and {found.moved_rows - len(shown)} more" if found.moved_rows > len(shown) else ""
    what = _count(found.moved_rows, "row")
    yield cell(f"note: {what} in another order, with nothing to come of it: {', '.join(shown)}{more}", "yellow")


def _summary(found: Comparison) -> Text:
    if found.same:
        return cell("the same", "green")
    counts = ", ".join(f"{count} {kind}" for kind, count in found.counts.items())
    causes = _count(sum(found.counts.values()), "first cause")
    left = sum(found.counts.values()) - len(found.divergences)
    more = f"; {left} not shown, see --all" if left else ""
    from_what = "it" if sum(found.counts.values()) == 1 else "them"
    follow = f"; {_count(found.below, 'later difference')} from {from_what}" if found.below else ""
    return cell(f"{causes}: {counts}{follow}{more}", "bold")


def _count(number: int, what: str) -> str:
    """Return a number of things in words; of what follows, with its verb."""
    plural = "" if number == 1 else "s"
    verb = (" follows" if number == 1 else " follow") if what == "later difference" else ""
    return f"{number} {what}{plural}{verb}"
