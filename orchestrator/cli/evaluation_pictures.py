"""The pictures of `eval`: each an examination, or a part of one, as a drawing in text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from orchestrator.cli.console import shorten
from scenarios.html.svg import (
    LEFT,
    SIDE,
    TOP,
    Mark,
    axes,
    cell,
    column,
    dot,
    line,
    mark,
    picture,
    place,
    words,
)

if TYPE_CHECKING:
    from router import EmbeddingMap, Examination, MapAgent
    from router.learning_curve import LearningPoint

_WORST: Final = 12
_NAME: Final = 26
_CELL: Final = 28.0
_MAP: Final = (960, 600)
_ROUND: Final = 24  # of the map, left free on every side
_LETTER: Final = 6.2
_MANY: Final = 25
#: Outcome to mark and words; what became of requests for nobody has marks of its own.
_MARKS: Final[dict[tuple[str, bool], tuple[Mark, str]]] = {
    ("right", True): ("dot", "right"),
    ("wrong", True): ("diamond", "wrong"),
    ("abstained", True): ("ring", "abstained"),
    ("wrong", False): ("cross", "for nobody, routed"),
    ("abstained", False): ("ring", "abstained"),
}


def draw_reliability(found: Examination) -> str:
    """Return accuracy over confidence, a dot for each bin that is not empty."""
    bins = [one for one in found.reliability if one.decisions]
    most = max(one.decisions for one in bins)
    dots = (
        dot(
            one.confidence,
            one.accuracy,
            3 + 9 * (one.decisions / most) ** 0.5,
            f"{one.decisions} requests at confidence {one.confidence:.3f}: {one.accuracy:.1%} right",
        )
        for one in bins
    )
    ideal = line([(0, 0), (1, 1)], "ideal")
    return picture("Reliability diagram", [*axes("confidence", "accuracy"), ideal, *dots])


def draw_risk(found: Examination) -> str:
    """Return the share that is wrong over the share that is routed, and where the router stands."""
    highest = _round_up(max([risk for _, risk in found.curve] + [found.operating[1], 0.01]))
    curve = line([(coverage, risk / highest) for coverage, risk in found.curve], "curve")
    coverage, risk = found.operating
    here = dot(coverage, risk / highest, 6, f"threshold {found.threshold:.3f}: {coverage:.1%} routed, {risk:.1%} wrong")
    marks = [f"{highest * step / 4:.1%}" for step in range(5)]
    return picture("Risk-coverage curve", [*axes("routed", "wrong of that", y_marks=marks), curve, here])


def draw_latency(found: Examination) -> str:
    """Return how many decisions took how long, time on a logarithmic scale."""
    steps = len(found.latency)
    most = _round_up(max(4, *(took.decisions for took in found.latency)))
    columns = [
        column(at / steps, 1 / steps, took.decisions / most, f"{took.low:.0f} to {took.high:.0f} µs: {took.decisions}")
        for at, took in enumerate(found.latency)
        if took.decisions
    ]
    x_marks = [f"{found.latency[at].low:.0f}" for at in range(0, steps, steps // 4)] + [f"{found.latency[-1].high:.0f}"]
    y_marks = [f"{most * step / 4:.0f}" for step in range(5)]
    return picture(
        "Latency histogram", [*axes("µs a decision, the slowest 1% in the last", "", x_marks, y_marks), *columns]
    )


def draw_learning(title: str, up: str, curves: Sequence[tuple[str, Sequence[float]]], *, shares: bool) -> str:
    """Return values over epochs, each curve with its name at its end.

    Args:
        title: of the picture.
        up: what is drawn.
        curves: names, and at least one value each.
        shares: whether the values are shares, from 0 to 1, rather than anything from 0 on.
    """
    values = [value for _, curve in curves for value in curve]
    high = math.ceil(max(values) * 50) / 50 if shares else _round_up(max(*values, 0.01))
    low = max(0.0, high - _round_up(max(high - min(values), 0.04))) if shares else 0.0
    epochs = max(len(curve) for _, curve in curves)
    parts = axes("epoch", up, _epoch_marks(epochs), [(f"{v:.0%}" if shares else f"{v:.2f}") for v in _steps(low, high)])
    for kind, (name, curve) in zip(("curve", "other"), curves, strict=False):
        points = [(at / max(epochs - 1, 1), (value - low) / (high - low)) for at, value in enumerate(curve)]
        parts.append(line(points, kind))
        parts += [
            dot(x, y, 2.5, f"epoch {at}: {name} {f'{value:.1%}' if shares else f'{value:.3f}'}")
            for at, ((x, y), value) in enumerate(zip(points, curve, strict=True), start=1)
        ]
        x, y = place(*points[-1])
        parts.append(words(x, y - 9 if y > TOP + 24 else y + 18, name, "end", "name"))
    return picture(title, parts)


def draw_curve(points: Sequence[LearningPoint]) -> str:
    """Return accuracy over the number of examples trained on, these on a logarithmic scale."""
    values = [point.accuracy for point in points]
    high = math.ceil(max(*values, 0.02) * 50) / 50
    low = max(0.0, high - _round_up(max(high - min(values), 0.04)))
    fewest, most = points[0].examples, points[-1].examples
    across = max(math.log(most / fewest), 1e-9)
    drawn = [(math.log(p.examples / fewest) / across, (p.accuracy - low) / (high - low)) for p in points]
    x_marks = [f"{fewest * (most / fewest) ** (step / 3):.0f}" for step in range(4)]
    dots = (dot(*at, 4, f"{p.examples} examples: {p.accuracy:.1%} right") for at, p in zip(drawn, points, strict=True))
    frame = axes("examples trained on", "accuracy", x_marks, [f"{value:.0%}" for value in _steps(low, high)])
    return picture("Learning curve", [*frame, line(drawn, "curve"), *dots])


def _epoch_marks(epochs: int) -> list[str]:
    steps = min(4, max(epochs - 1, 1))
    whole = next((n for n in (4, 3, 5, 2, 1) if (epochs - 1) % n == 0 and n <= steps + 1), 1)
    return [f"{1 + (epochs - 1) * step // whole}" for step in range(whole + 1)]


def _round_up(value: float) -> float:
    """Return the next number whose quarters are short to write."""
    size = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if step * size >= value * (1 - 1e-9))


def _steps(low: float, high: float) -> list[float]:
    return [low + (high - low) * step / 4 for step in range(5)]


def draw_confusion(found: Examination) -> str:
    """Return who led where the worst labels should have, as squares."""
    worst = [score for score in found.labels[:_WORST] if score.f1 < 1]
    if not worst:
        return "<p>none: every label was right every time</p>"
    names = [score.label for score in worst]
    times = {(pair.label, pair.leader): pair.times for pair in found.confused}
    left = 8.0 * _NAME
    parts: list[str] = []
    for row, score in enumerate(worst):
        y = TOP + _CELL * (row + 1)
        parts.append(words(left - 10, y + 17, f"{shorten(score.label, _NAME)}  {row + 1}", "end"))
        parts.append(words(left + _CELL * (row + 0.5), TOP + 16, row + 1))
        counts = [times.get((score.label, name), 0) for name in names]
        counts[row] = round(score.recall * score.examples)
        for at, count in enumerate([*counts, score.examples - sum(counts)]):
            other = names[at] if at < len(names) else "others"
            hint = f"{score.label} led by {other}: {count} of {score.examples}"
            x = left + _CELL * at
            parts.append(cell(x, y, _CELL - 2, count / score.examples, hint))
            parts += [words(x + _CELL / 2 - 1, y + 17, count, kind="name")] if count else []
    parts.append(words(left + _CELL * (len(names) + 0.5), TOP + 16, "others", "start"))
    width, height = left + _CELL * (len(names) + 1) + 50, TOP + _CELL * (len(names) + 1) + 6
    return picture("Confusion of the worst labels", parts, max(width, LEFT + SIDE), height)


def draw_map(drawn: EmbeddingMap) -> str:
    """Return the requests, each by what became of it, and the agents' names where there is room for them."""
    late = {"right": 0, "abstained": 1, "wrong": 2}  # what went wrong lies on top
    parts: list[str] = []
    for point in sorted(drawn.points, key=lambda one: late[one.outcome]):
        kind, became = _MARKS[point.outcome, bool(point.label)]
        whom = point.label or "nobody"
        led = "" if point.leader == point.label else f", led by {point.leader}"
        hint = f"{became}: {shorten(point.text, 90)} (for {whom}{led})"
        parts.append(mark(*_on_map(point.x, point.y), kind, 4 if kind in ("dot", "ring") else 5, hint))
    kind_of_name = "agent many" if len(drawn.agents) > _MANY else "agent"
    parts += [words(x, y, shorten(one.name, _NAME), "middle", kind_of_name) for one, x, y in _with_room(drawn.agents)]
    return picture("Map of the requests", parts, *_MAP)


def map_legend(drawn: EmbeddingMap) -> list[tuple[str, str]]:
    """Return the marks that occur on a map, each drawn and in words with how often."""
    counts: dict[tuple[Mark, str], int] = {}
    for point in drawn.points:
        known = _MARKS[point.outcome, bool(point.label)]
        counts[known] = counts.get(known, 0) + 1
    order = list(dict.fromkeys(_MARKS.values()))
    shown = ((kind, became) for kind, became in order if (kind, became) in counts)
    return [
        (picture(became, [mark(8, 8, kind, 5)], 16, 16), f"{became} {counts[kind, became]}") for kind, became in shown
    ]


def _on_map(x: float, y: float) -> tuple[float, float]:
    width, height = _MAP
    return _ROUND + x * (width - 2 * _ROUND), _ROUND + (1 - y) * (height - 2 * _ROUND)


def _with_room(agents: Sequence[MapAgent]) -> list[tuple[MapAgent, float, float]]:
    """Return the agents whose names do not lie over another's, the more frequent first, and where to write them."""
    many = len(agents) > _MANY  # small names above their requests, which they would hide
    letter, above = (5.2, 9) if many else (_LETTER, -4)
    taken: list[tuple[float, float, float]] = []
    shown = []
    for agent in agents:
        half = letter * min(len(agent.name), _NAME) / 2
        x, y = _on_map(agent.x, agent.y)
        x = min(max(x, half + 2), _MAP[0] - half - 2)
        if all(abs(x - other) > half + wide or abs(y - down) > 14 for other, down, wide in taken):
            taken.append((x, y, half))
            shown.append((agent, x, y - above))
    return shown
