"""The router of a run: which one it is, and how it hears of agents that come and go.

The package `router` is imported when a run is made, not with this module: it loads NumPy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.agent import AgentCard
from orchestrator.errors import ModelStoreError
from orchestrator.model_store import ModelStore
from orchestrator.settings import BudgetMix, Settings

if TYPE_CHECKING:
    from router import EmbeddingRouter, Router


def load_router(settings: Settings) -> Router:
    """Return the router that the settings name, the champion of the model store, or the bundled one.

    It knows no agent yet.

    Raises:
        DocumentError: if the store is damaged.
        ModelStoreError: if the champion is not the model that was let in.
        RouterError: if its file is missing or damaged, or does not prove the error budget of the settings.
    """
    from router import bundled_router

    if settings.router is not None:
        return load_model(settings.router, settings)
    champion = ModelStore(settings.model_folder).champion
    return load_stored(champion, settings) if champion else bundled_router(*budget_of(settings))


def load_shadow(settings: Settings) -> Router | None:
    """Return the model that decides in the shadow, by file or digest; None where the settings name none.

    Raises:
        ModelStoreError: if there is neither such a file nor such a model in the store.
        RouterError: if its file is damaged.
    """
    if not settings.shadow:
        return None
    if Path(settings.shadow).is_file():
        return load_model(Path(settings.shadow), settings)
    return load_stored(ModelStore(settings.model_folder).find(settings.shadow).digest, settings)


def load_stored(digest: str, settings: Settings) -> Router:
    """Return a model of the store that knows no agent yet.

    Raises:
        ModelStoreError: if the file of this name holds another model.
        RouterError: if the file is missing or damaged, or does not prove the error budget of the settings.
    """
    path = ModelStore(settings.model_folder).path(digest)
    router = load_model(path, settings)
    if not router.manifest.digest.startswith(digest):
        raise ModelStoreError(digest, f"{path} holds another model; restore it, or `pointsman rollback`")
    return router


def load_model(path: Path, settings: Settings) -> EmbeddingRouter:
    """Return the model of a file; it knows no agent yet.

    Raises:
        RouterError: if the file is missing or damaged, or does not prove the error budget of the settings.
    """
    from router import EmbeddingRouter

    budget, mix = budget_of(settings)
    return EmbeddingRouter.load(path, use_trained_labels=False, error_budget=budget, budget_mix=mix)


def describe_router(router: Router, settings: Settings) -> dict[str, Any]:
    """Return what is on record of the router of a run: its fingerprint, and what each decision follows from besides.

    That is how its scores become a confidence, where that is known, and what the settings do with a decision. Settings
    at their defaults are left out; a run whose record has no `routing` at all is older than that.
    """
    from router.protocol import Calibrated

    kept = {
        "fallback": settings.fallback_agent,
        "explore": settings.explore,
        "when_abstained": settings.when_abstained if settings.when_abstained != "end" else "",
    }
    routing: dict[str, Any] = {name: value for name, value in kept.items() if value}
    calibration = router.calibration if isinstance(router, Calibrated) else None
    if calibration is not None:
        routing["calibration"] = calibration.to_json()
    return {"router": router.fingerprint, "routing": routing}


def budget_of(settings: Settings) -> tuple[float | None, BudgetMix]:
    """Return the error budget and whom it counts on, as a router takes them."""
    return settings.error_budget, settings.budget_mix


def name_model(settings: Settings) -> str:
    """Return which model serves, in words.

    Raises:
        DocumentError: if the store is damaged.
    """
    if settings.router is not None:
        return f"model {settings.router}"
    champion = ModelStore(settings.model_folder).champion
    return f"champion {champion} of {settings.model_folder}" if champion else "the bundled model"


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
