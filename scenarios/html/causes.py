"""Causes: the first causes of what a run differs in from another one, both sides beside each other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from scenarios.changes import ABSENT
from scenarios.html.inert import inert
from scenarios.html.parts import table

if TYPE_CHECKING:
    from scenarios.divergence import Comparison, Divergence
    from scenarios.lineage import Link
    from scenarios.origin import Origin

_CHANGES: Final = 10
_LINKS: Final = 12
_MOVED: Final = 10


def show_causes(found: Comparison, origins: Mapping[str, Origin]) -> str:
    """Return what two runs differ in, the first cause first."""
    parts = [f'<p class="{"good" if found.same else "bad"}">{_summary(found)}</p>']
    parts += [_cause(number, one, origins.get(one.agent)) for number, one in enumerate(found.divergences, start=1)]
    if found.moved_rows:
        rows = [(one.task or "the run", one.topic, one.recorded.row, one.actual.row) for one in found.moved[:_MOVED]]
        caption = f"Rows in another order, with nothing to come of it ({found.moved_rows} in all)"
        parts.append(table(caption, ("task", "topic", ">recorded row", ">actual row"), rows))
    return "".join(parts)


def _summary(found: Comparison) -> str:
    compared = f"recorded: {inert(found.recorded)}, {found.rows[0]} rows; actual: {inert(found.actual)}, "
    compared += f"{found.rows[1]} rows."
    if found.same:
        return f"✓ Both are the same: {compared}"
    counts = ", ".join(f"{count} {inert(kind)}" for kind, count in found.counts.items())
    follow = f" {found.below} later differences follow from them." if found.below else ""
    return f"✗ First causes: {counts}.{follow} Compared were {compared}"


def _cause(number: int, one: Divergence, origin: Origin | None) -> str:
    about = f"{one.topic} of {one.task}" if one.task else one.topic
    where = [f"row {side.row}" if side else "no such row" for side in (one.recorded, one.actual)]
    rows: list[tuple[object, ...]] = [("where", *where)]
    rows += [(change.pointer or "order", *map(_value, (change.recorded, change.actual))) for change in one.changes]
    caption = f"{number}. {one.kind}: {about}"
    facts = "".join(f"<dt>{name}</dt><dd>{inert(fact)}</dd>" for name, fact in _facts(one, origin))
    shown = table(caption, ("pointer", "recorded", "actual"), rows[: _CHANGES + 1])
    return f'<div class="cause">{shown}<dl class="facts">{facts}</dl></div>'


def _facts(one: Divergence, origin: Origin | None) -> Iterator[tuple[str, str]]:
    yield "upstream", _chain(one.upstream)
    if one.agent and origin is not None:
        place = f"source unavailable: {origin.why_not}" if origin.why_not else f"{origin.file}:{origin.line}"
        yield "agent", f"{one.agent}, {place}"
    elif one.agent:
        yield "agent", one.agent
    if one.below:
        yield "then", f"{one.below} later differences follow from it"
    if len(one.changes) > _CHANGES:
        yield "more", f"{len(one.changes) - _CHANGES} places of the same row differ, too"


def _value(value: Any) -> str:
    return "absent" if value is ABSENT else json.dumps(value, ensure_ascii=False)


def _chain(upstream: tuple[Link, ...]) -> str:
    links = [f"{link.topic}{f' of {link.task}' if link.task else ''} (row {link.row})" for link in upstream[:_LINKS]]
    more = len(upstream) - _LINKS
    return " ← ".join([*links, *([f"{more} more"] if more > 0 else [])]) or "none: it was the first"
