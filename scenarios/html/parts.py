"""Parts: the few shapes of a page of which its sections are built: tables, heat maps, tiles, all of inert text."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from scenarios.html.inert import CUT, inert

#: Rows and columns of a heat map, and shades of its cells.
MOST: Final = 30
_SHADES: Final = 6
#: What stands where there is no value.
NOTHING: Final = "\u2013"


class Link(NamedTuple):
    """A text that leads to another place of the page, by its id."""

    text: str
    to: str


def section(name: str, title: str, about: str, *parts: str) -> str:
    """Return a section with a heading, under a name that is unique in the page."""
    said = f'<p class="about">{html.escape(about)}</p>' if about else ""
    head = f'<section id="{name}" aria-labelledby="{name}-h"><h3 id="{name}-h">{html.escape(title)}</h3>'
    return f"{head}{said}{''.join(parts)}</section>\n"


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; columns whose title starts with `>` are numbers. The first cell of a row is its heading.

    Cells are text, or a `Link`.
    """
    titles = [column.removeprefix(">") for column in columns]
    kinds = [' class="n"' if column.startswith(">") else "" for column in columns]
    head = "".join(f'<th scope="col"{kind}>{inert(name)}</th>' for kind, name in zip(kinds, titles, strict=True))
    body = []
    for first, *others in rows:
        cells = "".join(f"<td{kind}>{_cell(cell)}</td>" for kind, cell in zip(kinds[1:], others, strict=True))
        body.append(f'<tr><th scope="row"{kinds[0]}>{_cell(first)}</th>{cells}</tr>')
    return _scrolls(caption, f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody>")


def heat(caption: str, pairs: Mapping[tuple[str, str], int], across: str, down: str) -> str:
    """Return how often each pair occurs as a table whose cells are shaded, the most frequent names first.

    Args:
        caption: what it shows.
        pairs: names of row and column, and how often.
        across: what the columns are.
        down: what the rows are.
    """
    rows, columns = (_frequent(pairs, side) for side in (0, 1))
    most = max(pairs.values())
    head = "".join(f'<th scope="col"><span>{inert(name, 40)}</span></th>' for name in columns)
    body = []
    for row in rows:
        cells = "".join(_shaded(pairs.get((row, column), 0), most, (row, column)) for column in columns)
        body.append(f'<tr><th scope="row">{inert(row, 40)}</th>{cells}</tr>')
    left = len({pair for pair in pairs if pair[0] not in rows or pair[1] not in columns})
    more = f" {left} rarer pairs are left out; <code>--json</code> has them." if left else ""
    corner = f'<th scope="col" class="corner">{html.escape(down)} ↓ {html.escape(across)} →</th>'
    inner = f"<thead><tr>{corner}{head}</tr></thead><tbody>{''.join(body)}</tbody>"
    return _scrolls(caption, inner, "heat") + (f'<p class="about">{more}</p>' if more else "")


def tiles(facts: Iterable[tuple[str, object]]) -> str:
    """Return facts side by side."""
    inner = "".join(f"<div><dt>{inert(name)}</dt><dd>{inert(value, 60)}</dd></div>" for name, value in facts)
    return f'<dl class="tiles">{inner}</dl>'


def folded(title: str, *parts: str) -> str:
    """Return parts that are shown when they are asked for."""
    return f"<details><summary>{html.escape(title)}</summary>{''.join(parts)}</details>"


def seconds(value: float | None) -> str:
    """Return a duration with the unit that suits it; nothing where there is none."""
    if value is None:
        return NOTHING
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1e3:.3g} ms"
    if value < 120:
        return f"{value:.3g} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def _cell(value: object) -> str:
    if isinstance(value, Link):
        return f'<a href="#{html.escape(value.to)}">{inert(value.text, CUT)}</a>'
    return inert(value, CUT)


def _scrolls(caption: str, inner: str, kind: str = "") -> str:
    name = inert(caption)
    style = f' class="{kind}"' if kind else ""
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{name}">'
        f"<table{style}><caption>{name}</caption>{inner}</table></div>"
    )


def _shaded(count: int, most: int, pair: tuple[str, str]) -> str:
    if not count:
        return '<td class="s0"><span aria-label="0">·</span></td>'
    shade = 1 + round((_SHADES - 1) * count / most)
    return f'<td class="s{shade}" title="{inert(" → ".join(pair))}: {count}">{count}</td>'


def _frequent(pairs: Mapping[tuple[str, str], int], side: int) -> list[str]:
    counts: dict[str, int] = {}
    for pair, count in pairs.items():
        counts[pair[side]] = counts.get(pair[side], 0) + count
    return sorted(counts, key=lambda name: (-counts[name], name))[:MOST]
