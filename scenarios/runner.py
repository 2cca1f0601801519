"""Runner: plays one scenario in virtual time, offline, and judges it by its journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from orchestrator.agent import Agent
from orchestrator.clock import VirtualClock, run_virtual
from orchestrator.errors import JournalError, PointsmanError
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Envelope
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.plugins import discover
from orchestrator.settings import Settings
from orchestrator.stuck import describe_stuck
from orchestrator.topics import RUN_STUCK
from router import Router, RouterError, bundled_router
from scenarios.cast import choose_agents
from scenarios.expectations import Outcome, judge
from scenarios.history import History
from scenarios.people import answering
from scenarios.sabotage import Sabotage, Strike
from scenarios.scenario import Scenario, Step
from scenarios.threshold import OtherThreshold
from scenarios.workspace import prepared

Verdict = Literal["passed", "failed", "error"]

MAX_ROWS: Final = 100_000  # a run whose agents add tasks for ever ends here


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """What came of a scenario.

    Attributes:
        scenario: which.
        verdict: `passed`: every expectation was met. `failed`: one was not. `error`: it could not be played.
        outcomes: one for each expectation; none after an error.
        error: one line; empty unless the verdict is `error`.
        duration_s: virtual seconds from the first submission to the last end.
        rows: the journal.
        journal: the same as JSON Lines: equal bytes for the same scenario and seed.
        strikes: faults of the scenario that took place.
        in_vain: those that did not, in words; with one the scenario has failed, for it shows nothing.
    """

    scenario: Scenario
    verdict: Verdict
    outcomes: tuple[Outcome, ...] = ()
    error: str = ""
    duration_s: float = 0.0
    rows: tuple[Envelope, ...] = ()
    journal: bytes = b""
    strikes: tuple[Strike, ...] = ()
    in_vain: tuple[str, ...] = ()


def run_scenario(
    scenario: Scenario,
    *,
    agents: Iterable[Agent] | None = None,
    router: Callable[[], Router] = bundled_router,
) -> ScenarioResult:
    """Play a scenario and judge it.

    Args:
        scenario: from `load_scenarios`.
        agents: installed ones that it may name; None takes every plugin.
        router: makes a router without candidates, once for each run.
    """
    journal = _BoundedJournal(scenario.title)
    sabotage = Sabotage(scenario.faults, journal)
    try:
        cast = sabotage.prepare(choose_agents(scenario.given, _installed(scenario) if agents is None else agents))
        with prepared(scenario) as workspace:
            run_virtual(_play(scenario, cast, _router_of(scenario, router), journal, workspace, sabotage))
    except (PointsmanError, RouterError, TimeoutError) as error:
        strikes = tuple(sabotage.strikes)
        return ScenarioResult(scenario, "error", error=_one_line(error), journal=journal.export(), strikes=strikes)
    return _judged(scenario, journal, sabotage)


def _judged(scenario: Scenario, journal: MemoryJournal, sabotage: Sabotage) -> ScenarioResult:
    history = History(row.envelope for row in journal.rows)
    outcomes = tuple(judge(expectation, history) for expectation in scenario.then)
    in_vain = tuple(sabotage.in_vain())
    return ScenarioResult(
        scenario,
        "passed" if all(outcome.met for outcome in outcomes) and not in_vain else "failed",
        outcomes,
        duration_s=history.seconds,
        rows=history.rows,
        journal=journal.export(),
        strikes=tuple(sabotage.strikes),
        in_vain=in_vain,
    )


def _installed(scenario: Scenario) -> list[Agent]:
    """Return the installed agents; none where it names none, for loading them is what takes longest."""
    return [plugin.agent for plugin in discover().loaded] if scenario.given.agents else []


async def _play(
    scenario: Scenario,
    cast: list[Agent],
    router: Router,
    journal: MemoryJournal,
    workspace: Path,
    sabotage: Sabotage,
) -> None:
    given = scenario.given
    settings = Settings(
        workspace=workspace,
        seed=scenario.seed,
        fallback_agent=given.fallback,
        when_abstained=given.when_abstained,
        log_format="off",
    )
    async with (
        Orchestrator(
            settings, agents=cast, router=router, journal=journal, clock=VirtualClock(), run=scenario.title
        ) as orchestrator,
        answering(given.people, orchestrator),
    ):
        sabotage.begin(orchestrator.bus)
        for step in scenario.when:
            await _take(step, orchestrator, scenario.name)
        await orchestrator.idle()


async def _take(step: Step, orchestrator: Orchestrator, name: str) -> None:
    await asyncio.sleep(step.wait_s)
    if len(step.tasks) == 1:
        await orchestrator.submit(step.tasks[0])
    elif step.tasks:
        await orchestrator.submit_plan(Plan(name, step.tasks))


def _router_of(scenario: Scenario, make: Callable[[], Router]) -> Router:
    threshold = scenario.given.threshold
    return make() if threshold is None else OtherThreshold(make(), threshold)


class _BoundedJournal(MemoryJournal):
    """A journal that stops a run which does not end, or in which nothing happens any more."""

    def append(self, envelope: Envelope) -> bool:
        if len(self.rows) >= MAX_ROWS:
            raise JournalError(f"the run has more than {MAX_ROWS} rows; does an agent add tasks for ever?")
        if envelope.topic == RUN_STUCK:
            raise JournalError(f"the run is stuck: {describe_stuck(envelope.body)}")
        return super().append(envelope)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
