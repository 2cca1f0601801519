"""Owns the map of requests: where a router sees them, what became of each, and where their agents lie among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from router.dataset import Example
from router.errors import RouterError
from router.exemplars import Embeds
from router.prediction import Abstained, Prediction
from router.projection import project
from router.protocol import Router

#: More requests are thinned out, evenly over the agents: a picture of more says no more, and takes the square of it.
MOST: Final = 600

Outcome = Literal["right", "wrong", "abstained"]


class MapPoint(NamedTuple):
    """A request: its text, who should get it ("" for nobody), who led, what became of it, and where it lies."""

    text: str
    label: str
    leader: str
    outcome: Outcome
    x: float
    y: float


class MapAgent(NamedTuple):
    """An agent, in the middle of the requests that it should get, and how many of these there are on the map."""

    name: str
    requests: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class EmbeddingMap:
    """Requests in the unit square, those that the router sees alike near each other; distances afar mean nothing.

    Attributes:
        points: The requests.
        agents: The agents that should get some of them, those with the most first.
        left_out: Requests that were thinned out.
    """

    points: tuple[MapPoint, ...]
    agents: tuple[MapAgent, ...]
    left_out: int

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "points": [point._asdict() for point in self.points],
            "agents": [agent._asdict() for agent in self.agents],
            "left_out": self.left_out,
        }


def map_requests(router: Router, examples: Sequence[Example], out_of_scope: Sequence[str] = ()) -> EmbeddingMap:
    """Place requests by the vectors that the router has of them, or by their scores where it has none.

    Args:
        router: Asked here.
        examples: At least one.
        out_of_scope: Requests that no agent serves.

    Raises:
        RouterError: There are no examples.
    """
    if not examples:
        raise RouterError("no examples to draw a map of; give at least one")
    wanted = [*sorted(examples, key=lambda one: one.label), *(Example(text, "") for text in out_of_scope)]
    shown = [wanted[at] for at in np.unique(np.linspace(0, len(wanted) - 1, MOST).round().astype(np.int64)).tolist()]
    found = [router.predict(one.text) for one in shown]
    places = project(_vectors(router, shown, found))
    points = tuple(
        MapPoint(one.text, one.label, answer.leader, _outcome(one, answer), round(x, 4), round(y, 4))
        for one, answer, (x, y) in zip(shown, found, places.tolist(), strict=True)
    )
    return EmbeddingMap(points, _agents(points), len(wanted) - len(shown))


def _vectors(router: Router, shown: Sequence[Example], found: Sequence[Prediction]) -> NDArray[np.float64]:
    if isinstance(router, Embeds):
        return router.embed([one.text for one in shown]).astype(np.float64)
    return np.stack([answer.scoreboard.scores for answer in found]).astype(np.float64)


def _outcome(one: Example, answer: Prediction) -> Outcome:
    if isinstance(answer.choice, Abstained):
        return "abstained"
    return "right" if answer.choice == one.label else "wrong"


def _agents(points: Sequence[MapPoint]) -> tuple[MapAgent, ...]:
    """Return agents at the median of their requests: one that lies far away moves them little."""
    by_label: dict[str, list[tuple[float, float]]] = {}
    for point in points:
        by_label.setdefault(point.label, []).append((point.x, point.y))
    by_label.pop("", None)
    agents = (
        MapAgent(label, len(places), *np.median(np.array(places), axis=0).round(4).tolist())
        for label, places in by_label.items()
    )
    return tuple(sorted(agents, key=lambda agent: (-agent.requests, agent.name)))
