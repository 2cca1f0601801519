"""Session: settings, journal, agents and router, opened in one way for every command."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import PointsmanError
from orchestrator.files import write_atomically as write_atomically  # noqa: PLC0414 - commands find it here

if TYPE_CHECKING:
    from orchestrator.agent import Agent, AgentCard
    from orchestrator.budget import Budget
    from orchestrator.journal import JournalReader
    from orchestrator.learning import Lessons
    from orchestrator.plugins import PluginReport
    from orchestrator.settings import Settings
    from router import AgentProfile, Example, Router


def open_settings(file: Path | None, router: Path | None = None) -> Settings:
    """Return the settings of a file and of the environment, with another router if one is named.

    Raises:
        DocumentError: if either is refused.
    """
    from orchestrator.settings import load_settings

    settings = load_settings(file, os.environ)
    return settings if router is None else settings.model_copy(update={"router": router})


def read_budget(text: str) -> Budget | None:
    """Return the budget that an option gives; None where it was not given.

    Raises:
        typer.BadParameter: if it is none.
    """
    if not text:
        return None
    import typer

    from orchestrator.budget import parse_budget

    try:
        return parse_budget(text)
    except PointsmanError as error:
        raise typer.BadParameter(str(error), param_hint="--budget") from None


def settle_in(settings: Settings, workspace: Path | None) -> Settings:
    """Return the settings with another workspace if one is named.

    Raises:
        typer.BadParameter: if there is no such folder.
    """
    import typer

    if workspace is not None:
        settings = settings.model_copy(update={"workspace": workspace})
    if not settings.workspace.is_dir():
        raise typer.BadParameter(f"there is no folder {str(settings.workspace)!r}", param_hint="--workspace")
    return settings


def open_journal(settings_file: Path | None, journal: Path | None = None) -> JournalReader:
    """Return a reader of the journal named, or else of the one in the settings.

    Raises:
        JournalError: if there is none.
    """
    from orchestrator.journal import JournalReader

    return JournalReader(journal or open_settings(settings_file).journal)


def check_run(reader: JournalReader, run: str) -> None:
    """Pass a run that the journal holds, or none.

    Raises:
        PointsmanError: if the journal has no such run; suggests the nearest.
    """
    from orchestrator.documents import suggest

    known = {one.run for one in reader.runs()} if run else {run}
    if run not in known:
        raise PointsmanError(f"no run {run!r} in {reader.path}; {suggest(run, known)}")


def find_agents(settings: Settings) -> PluginReport:
    """Return the installed agents, and the broken ones.

    Raises:
        PluginError: if one is broken and the settings are strict.
    """
    from orchestrator.plugins import discover

    return discover(strict=settings.strict_plugins)


def installed_agents(settings: Settings) -> list[Agent]:
    """Return the agents that can be used, as a run would."""
    return [plugin.agent for plugin in find_agents(settings).loaded]


def profile_of(card: AgentCard) -> AgentProfile:
    """Return what the router learns of an agent."""
    from router import AgentProfile

    return AgentProfile(card.name, card.version, card.summary, card.examples)


def open_router(model: Path | None, settings: Settings, agents: Iterable[Agent]) -> Router:
    """Return the model named with the labels that it was trained on, or else the router of a run with these agents.

    Raises:
        BudgetError: if the model does not prove the error budget of the settings.
        ModelFileError: if the model is missing or damaged.
    """
    from orchestrator.router_of_run import budget_of, load_router, teach
    from router import EmbeddingRouter

    if model is not None:
        budget, mix = budget_of(settings)
        return EmbeddingRouter.load(model, use_trained_labels=True, error_budget=budget, budget_mix=mix)
    router = load_router(settings)
    for agent in agents:
        teach(router, agent.card)
    return router


def read_lessons(settings: Settings) -> Lessons:
    """Return what people said of decisions, split into what is learnt and what is held back.

    Raises:
        JournalError: if there is no journal.
    """
    from orchestrator.journal import JournalReader
    from orchestrator.judgement import read_judgements, standing
    from orchestrator.learning import split

    with JournalReader(settings.journal) as reader:
        return split(standing(read_judgements(reader.rows)))


def known_requests(agents: Iterable[Agent], *, summaries: bool = False) -> list[Example]:
    """Return the requests on the cards of agents, and their summaries if wanted: what must stay right."""
    from router import Example

    profiles = sorted((profile_of(agent.card) for agent in agents), key=lambda profile: profile.name)
    return [
        Example(text, profile.name)
        for profile in profiles
        for text in (profile.texts if summaries else profile.examples)
    ]
