"""The comparison of a challenger with whoever serves, as `learn` tells it and `promote` demands it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.cli import session

if TYPE_CHECKING:
    from orchestrator.agent import Agent
    from orchestrator.learning import Lessons
    from orchestrator.settings import Settings
    from router import Example, Router, Verdict


def open_challenger(digest: str, settings: Settings, agents: Sequence[Agent]) -> Router:
    """Return a model of the store that knows these agents.

    Raises:
        RouterError: if its file is damaged.
    """
    from orchestrator.router_of_run import load_stored, teach

    router = load_stored(digest, settings)
    for agent in agents:
        teach(router, agent.card)
    return router


def compare(
    settings: Settings, agents: Sequence[Agent], digest: str, lessons: Lessons, known: Sequence[Example] = ()
) -> Verdict | None:
    """Return how a challenger does against whoever serves, on what was held back; None where nothing was.

    Args:
        settings: name who serves.
        agents: that both know.
        digest: of the challenger, in the store.
        lessons: what people said.
        known: requests that must stay right, beside those on the cards.
    """
    from router import judge

    if not lessons.held_back:
        return None
    champion = session.open_router(None, settings, agents)
    challenger = open_challenger(digest, settings, agents)
    held_back = [judgement.to_feedback() for judgement in lessons.held_back]
    return judge(champion, challenger, held_back, [*session.known_requests(agents), *known])
