"""The map of requests: where the router sees the requests of a run and the examples of its agents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from scenarios.html.inert import inert, shown
from scenarios.html.parts import folded, section, table
from scenarios.html.svg import Mark, mark, picture, words
from scenarios.html.work import STATUSES

if TYPE_CHECKING:
    from router.exemplars import Embeds
    from scenarios.html.story import Story

#: Requests, and examples of agents, that are drawn at most, evenly spread: the picture takes the square of it.
MOST: Final = 400
MOST_EXAMPLES: Final = 200
_SIZE: Final = (960, 560)
_ROUND: Final = 24
_LETTER: Final = 6.6
_ABOUT: Final = (
    "Requests that the router sees alike lie near each other; distances across the picture mean nothing. A name stands"
    " in the middle of the examples on that agent's card."
)
#: What became of a request: its mark and the words for it; each has a shape of its own.
_MARKS: Final[Mapping[str, tuple[Mark, str]]] = {
    "completed": ("dot", "routed and completed"),
    "other": ("diamond", "routed, not completed"),
    "nobody": ("ring", "to nobody"),
    "wrong": ("cross", "to another agent than people said"),
}


class Point(NamedTuple):
    """A request: its task, its text, who got it, what became of it, and where it lies in the unit square."""

    task: str
    text: str
    agent: str
    kind: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class RequestMap:
    """Requests and agents in the unit square.

    Attributes:
        points: the requests.
        agents: name and place of each agent whose examples are known.
        left_out: requests that are not drawn.
        note: what must be known of the router that was asked; empty where it is the one that decided.
    """

    points: tuple[Point, ...]
    agents: tuple[tuple[str, float, float], ...]
    left_out: int
    note: str = ""


def map_requests(
    story: Story, router: Embeds, examples: Mapping[str, Sequence[str]], note: str = ""
) -> RequestMap | None:
    """Return where a router sees the requests of a run; None where there are none.

    Args:
        story: the run.
        router: asked here for the vectors of texts.
        examples: requests on the cards of agents.
        note: what must be known of the router.
    """
    from router.projection import project

    wanted = [at for at, request in enumerate(story.work.tasks.request) if request]
    if not wanted:
        return None
    shown_tasks = [wanted[at] for at in _spread(len(wanted), MOST)]
    cards = [(name, text) for name, texts in sorted(examples.items()) for text in texts]
    cards = [cards[at] for at in _spread(len(cards), MOST_EXAMPLES)] if cards else []
    texts = [story.work.tasks.request[at] for at in shown_tasks] + [text for _, text in cards]
    places = project(router.embed(texts).astype(np.float64)).round(4).tolist()
    named = list(story.work.tasks.ids), list(story.work.agents)
    points = tuple(_point(story, *named, at, x, y) for at, (x, y) in zip(shown_tasks, places, strict=False))
    middles: dict[str, list[tuple[float, float]]] = {}
    for (name, _), (x, y) in zip(cards, places[len(points) :], strict=True):
        middles.setdefault(name, []).append((x, y))
    agents = tuple((name, *np.median(np.array(at), axis=0).round(4).tolist()) for name, at in middles.items())
    return RequestMap(points, agents, len(wanted) - len(points), note)


def show_map(found: RequestMap, name: str) -> str:
    """Return the map as a section."""
    kinds = [kind for kind in _MARKS if any(point.kind == kind for point in found.points)]
    counts = {kind: sum(point.kind == kind for point in found.points) for kind in kinds}
    legend = "".join(
        f"<li>{picture(said, [mark(8, 8, sign, 5)], 16, 16)} {said} {counts[kind]}</li>"
        for kind, (sign, said) in _MARKS.items()
        if kind in kinds
    )
    left = f" {found.left_out} more requests are not drawn." if found.left_out else ""
    note = f"<p>{inert(found.note)}</p>" if found.note else ""
    odd = [
        (p.task, shown(p.text, 90), p.agent or "nobody", _MARKS[p.kind][1])
        for p in found.points
        if p.kind != "completed"
    ]
    listed = table("Requests that did not go well", ("task", "request", "agent", "became"), odd[:100]) if odd else ""
    frame = f'<div class="wide map" tabindex="0" role="region" aria-label="Map of the requests">{_draw(found)}</div>'
    parts = (
        f'<ul class="legend">{legend}</ul>',
        frame,
        folded("Those that did not go well, as a table", listed) if odd else "",
    )
    return section(name, "Map of the requests", _ABOUT + left, note, *parts)


def _spread(count: int, most: int) -> list[int]:
    places: list[int] = np.unique(np.linspace(0, count - 1, most).round().astype(np.int64)).tolist()
    return places


def _point(story: Story, ids: Sequence[str], agents: Sequence[str], at: int, x: float, y: float) -> Point:
    tasks = story.work.tasks
    agent = agents[tasks.agent[at]] if tasks.agent[at] >= 0 else ""
    kind = "nobody" if not agent else "completed" if STATUSES[tasks.status[at]] == "completed" else "other"
    if agent and tasks.should_be.get(at, tasks.agent[at]) != tasks.agent[at]:
        kind = "wrong"
    return Point(ids[at], tasks.request[at], agent, kind, x, y)


def _draw(found: RequestMap) -> str:
    late = list(_MARKS)
    parts = []
    for point in sorted(found.points, key=lambda one: late.index(one.kind)):
        kind, became = _MARKS[point.kind]
        hint = f"{became}: {shown(point.text, 90)} ({point.agent or 'nobody'})"
        parts.append(mark(*_place(point.x, point.y), kind, 4 if kind in ("dot", "ring") else 5, hint))
    taken: list[tuple[float, float, float]] = []
    for name, x, y in found.agents:
        half = _LETTER * len(name) / 2
        across, down = _place(x, y)
        across = min(max(across, half + 2), _SIZE[0] - half - 2)
        if all(abs(across - other) > half + wide or abs(down - beside) > 14 for other, beside, wide in taken):
            taken.append((across, down, half))
            parts.append(words(across, down - 9, name, "middle", "agent"))
    return picture("Map of the requests", parts, *_SIZE)


def _place(x: float, y: float) -> tuple[float, float]:
    width, height = _SIZE
    return _ROUND + x * (width - 2 * _ROUND), _ROUND + (1 - y) * (height - 2 * _ROUND)
