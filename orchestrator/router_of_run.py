"""The router of a run: which one it is, and how it hears of agents that come and go.

The package `router` is imported when a run is made, not with this module: it loads NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.agent import AgentCard
from orchestrator.settings import Settings

if TYPE_CHECKING:
    from router import Router


def load_router(settings: Settings) -> Router:
    """Return the router that the settings name, or the bundled one; it knows no agent yet.

    Raises:
        RouterError: if its file is missing or damaged, or does not prove the error budget of the settings.
    """
    from router import EmbeddingRouter, bundled_router

    if settings.router is None:
        return bundled_router(settings.error_budget)
    return EmbeddingRouter.load(settings.router, use_trained_labels=False, error_budget=settings.error_budget)


def teach(router: Router, card: AgentCard) -> None:
    """Make an agent a candidate, if the router can learn."""
    from router import AgentProfile, LearnsAgents

    if isinstance(router, LearnsAgents):
        router.add(AgentProfile(card.name, card.version, card.summary, card.examples))


def unteach(router: Router, name: str) -> None:
    """Take an agent away from the candidates, if the router could learn it."""
    from router import LearnsAgents

    if isinstance(router, LearnsAgents):
        router.remove(name)
