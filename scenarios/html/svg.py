"""Svg: the few shapes that pictures are drawn with, as text; whatever strangers wrote is made inert here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from scenarios.html.inert import inert

SIDE: Final = 320
LEFT: Final = 52
TOP: Final = 12
BOTTOM: Final = 40
#: Marks of an axis from 0 to 1.
SHARES: Final = ("0%", "25%", "50%", "75%", "100%")

Mark = Literal["dot", "ring", "cross", "diamond"]


def picture(
    title: str, parts: Iterable[str], width: float = SIDE + LEFT + 22, height: float = SIDE + TOP + BOTTOM
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
    return mark(*place(x, y), "dot", radius, hint)


def mark(x: float, y: float, kind: Mark, radius: float, hint: str = "") -> str:
    """Return a mark at a place in the picture's own units: each kind has a shape of its own, not only a colour."""
    tip = f"<title>{inert(hint)}</title>" if hint else ""
    if kind in ("dot", "ring"):
        return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}">{tip}</circle>'
    r = radius
    path = f"M{x:.1f} {y - r:.1f}l{r} {r}l{-r} {r}l{-r} {-r}z"
    if kind == "cross":
        path = f"M{x - r:.1f} {y - r:.1f}l{2 * r} {2 * r}m0 {-2 * r}l{-2 * r} {2 * r}"
    return f'<path class="{kind}" d="{path}">{tip}</path>'


def words(x: float, y: float, text: object, anchor: str = "middle", kind: str = "") -> str:
    """Return a text at a place in the picture's own units."""
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{inert(text)}</text>'


def cell(x: float, y: float, size: float, share: float, hint: str) -> str:
    """Return a square whose colour is as strong as a share from 0 to 1, and never so strong that it hides a number."""
    tip = f"<title>{inert(hint)}</title>"
    return (
        f'<rect class="cell" x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{size:.1f}" rx="3"'
        f' fill-opacity="{0.05 + 0.6 * min(max(share, 0.0), 1.0):.3f}">{tip}</rect>'
    )


def column(x: float, width: float, height: float, hint: str) -> str:
    """Return a column that stands on the lower side of the unit square."""
    across, down = place(x, height)
    tip = f"<title>{inert(hint)}</title>"
    return (
        f'<rect class="column" x="{across:.1f}" y="{down:.1f}" width="{max(width * SIDE - 1.5, 0.5):.1f}"'
        f' height="{TOP + SIDE - down:.1f}">{tip}</rect>'
    )


def axes(across: str, up: str, x_marks: Sequence[str] = SHARES, y_marks: Sequence[str] = SHARES) -> list[str]:
    """Return the frame of the unit square, with steps marked from its lower left corner on."""
    parts: list[str] = []
    for step, text in enumerate(y_marks):
        at = step / (len(y_marks) - 1)
        _, y = place(0, at)
        parts += [line([(0, at), (1, at)], "grid"), words(LEFT - 7, y + 4, text, "end")]
    for step, text in enumerate(x_marks):
        x, bottom = place(step / (len(x_marks) - 1), 0)
        parts.append(words(x, bottom + 16, text))
    parts.append(line([(0, 1), (0, 0), (1, 0)], "axis"))
    parts.append(words(LEFT + SIDE / 2, TOP + SIDE + 34, across))
    parts.append(f'<g transform="rotate(-90 11 {TOP + SIDE / 2})">{words(11, TOP + SIDE / 2, up)}</g>')
    return parts
