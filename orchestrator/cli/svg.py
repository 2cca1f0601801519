"""Svg: the few shapes that pictures are drawn with, as text; whatever strangers wrote is made inert here."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Final

from orchestrator.cli.console import safe

SIDE: Final = 320
LEFT: Final = 46
TOP: Final = 12
BOTTOM: Final = 40


def inert(text: object) -> str:
    """Return a text as it stands in a page: one line, and no mark-up."""
    return html.escape(safe(text))


def picture(
    title: str, parts: Iterable[str], width: float = SIDE + LEFT + 14, height: float = SIDE + TOP + BOTTOM
) -> str:
    """Return a picture of these parts, with a title for those who cannot see it."""
    opening = f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img">'
    return f"{opening}<title>{inert(title)}</title>{''.join(parts)}</svg>"


def place(x: float, y: float) -> tuple[float, float]:
    """Return where a point of the unit square is drawn; y points up."""
    return LEFT + x * SIDE, TOP + (1 - y) * SIDE


def line(points: Sequence[tuple[float, float]], kind: str) -> str:
    """Return a line through points of the unit square."""
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
    return f'<polyline class="{kind}" points="{drawn}"/>'


def dot(x: float, y: float, radius: float, hint: str) -> str:
    """Return a dot at a point of the unit square, with what it stands for."""
    across, down = place(x, y)
    return (
        f'<circle class="dot" cx="{across:.1f}" cy="{down:.1f}" r="{radius:.1f}"><title>{inert(hint)}</title></circle>'
    )


def words(x: float, y: float, text: object, anchor: str = "middle") -> str:
    """Return a text at a place in the picture's own units."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{inert(text)}</text>'


def cell(x: float, y: float, size: float, share: float, hint: str) -> str:
    """Return a square whose colour is as strong as a share from 0 to 1, and never so strong that it hides a number."""
    tip = f"<title>{inert(hint)}</title>"
    return (
        f'<rect class="cell" x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{size:.1f}"'
        f' fill-opacity="{0.65 * min(max(share, 0.0), 1.0):.3f}">{tip}</rect>'
    )


def axes(across: str, up: str, highest: float = 1.0) -> list[str]:
    """Return the frame of the unit square, with four steps marked; `highest` is what the top stands for."""
    parts = [line([(0, 1), (0, 0), (1, 0)], "axis")]
    for step in range(5):
        x, bottom = place(step / 4, 0)
        _, y = place(0, step / 4)
        parts.append(words(x, bottom + 15, f"{step / 4:.0%}"))
        parts.append(
            words(LEFT - 5, y + 4, f"{highest * step / 4:.0%}" if highest == 1 else f"{highest * step / 4:.1%}", "end")
        )
    parts.append(words(LEFT + SIDE / 2, TOP + SIDE + 33, across))
    parts.append(f'<g transform="rotate(-90 11 {TOP + SIDE / 2})">{words(11, TOP + SIDE / 2, up)}</g>')
    return parts
