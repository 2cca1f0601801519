"""Runner: plays one scenario in virtual time, offline, and judges it by its journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from orchestrator.agent import Agent
from orchestrator.errors import PointsmanError
from orchestrator.interleaving import USUAL, Interleaving
from orchestrator.journal import Row
from orchestrator.messages import Envelope
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.plugins import discover
from orchestrator.redaction import RedactedRouter, Redactor, read_profile
from orchestrator.settings import Settings
from router import Router, RouterError, bundled_router
from scenarios.bounded_journal import BoundedJournal
from scenarios.cassette import RecordMode
from scenarios.cast import choose_agents
from scenarios.deck import Deck
from scenarios.evidence import Evidence
from scenarios.expectations import Outcome, judge_all
from scenarios.history import History
from scenarios.logbook import Logbook
from scenarios.mask import Mask
from scenarios.people import Crowd, answering
from scenarios.recording import keeping_quiet
from scenarios.redacting import left_behind
from scenarios.sabotage import Sabotage, Strike
from scenarios.scenario import Scenario
from scenarios.series import Series, Try, run_series
from scenarios.states import take_states
from scenarios.threshold import OtherThreshold
from scenarios.when import Step
from scenarios.workspace import prepared

Verdict = Literal["passed", "failed", "error"]


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
        stored: the rows as the journal has them, canonical and chained.
        astray: reads that its cassette does not hold, and recordings that were not read; with one it has failed.
        held: at which choices of its interleaving somebody was held back.
        series: what came of all of its runs, of which the others speak of one; None where it was run once.
        redact: what everything here went through before it was handed out; None where nothing is to be taken out.
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
    stored: tuple[Row, ...] = field(default=(), repr=False)
    astray: tuple[str, ...] = ()
    held: frozenset[int] = frozenset()
    series: Series | None = None
    redact: Redactor | None = field(default=None, repr=False, compare=False)


def run_scenario(
    scenario: Scenario,
    *,
    agents: Iterable[Agent] | None = None,
    router: Callable[[], Router] = bundled_router,
    record: RecordMode | None = None,
    interleaving: Interleaving = USUAL,
    redact: str = "",
) -> ScenarioResult:
    """Play a scenario, as often as it says, and judge it.

    Args:
        scenario: from `load_scenarios`.
        agents: installed ones that it may name; None takes every plugin.
        router: makes a router without candidates, once for each run.
        record: what to do with its cassette, instead of what it says itself.
        interleaving: another than the usual one; then it is played once.
        redact: profile of redaction where the scenario names none; see `Scenario.profile`.
    """
    installed = _installed(scenario) if agents is None else list(agents)

    def run_once(one: Scenario, order: Interleaving) -> ScenarioResult:
        return _run_once(one, installed, router, record, order, redact)

    if scenario.runs.total == 1 or interleaving != USUAL:
        shown = run_once(scenario, interleaving)
        return left_behind(shown, shown.redact)

    def result_of(one: Try) -> ScenarioResult:  # run again where it is wanted again: thousands would not be kept
        return run_once(replace(scenario, seed=one.seed), one.interleaving)

    series = run_series(
        scenario.runs, scenario.seed, lambda one: result_of(one).verdict == "passed", lambda one: result_of(one).held
    )
    shown = result_of(Try(scenario.seed) if series.failing is None else series.failing)
    enough = series.passed >= series.required
    verdict: Verdict = "passed" if enough else "failed" if shown.verdict == "passed" else shown.verdict
    return left_behind(replace(shown, scenario=scenario, verdict=verdict, series=series), shown.redact)


def _run_once(
    scenario: Scenario,
    installed: list[Agent],
    router: Callable[[], Router],
    record: RecordMode | None,
    interleaving: Interleaving,
    redact: str,
) -> ScenarioResult:
    stage = _Stage(scenario)
    try:
        profile = read_profile(scenario.profile(redact))
        deck = Deck(scenario, record=record, interleaving=interleaving, profile=profile)
        stage.mask = deck.mask
        states = stage.play(choose_agents(scenario.given, installed), _router_of(scenario, router), deck)
    except (PointsmanError, RouterError, TimeoutError) as error:
        return ScenarioResult(
            scenario,
            "error",
            error=_one_line(error),
            stored=tuple(stage.record.rows),
            journal=stage.record.export(),
            strikes=tuple(stage.sabotage.strikes),
            redact=None if stage.mask is None else stage.mask.redact,
        )
    return stage.judge(states, deck)


class _Stage:
    """One run of a scenario, from its first step to its verdict."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.record = BoundedJournal(scenario.title)
        self.mask: Mask | None = None
        self.sabotage = Sabotage(scenario.faults, self.record)
        self._logbook = Logbook() if any(one.of_artefacts for one in scenario.then) else None

    def play(self, cast: list[Agent], router: Router, deck: Deck) -> dict[str, Any]:
        """Play it, and return the states that its expectations read."""
        self.record.run = deck.run_id  # a run looks for its own rows
        agents = self.sabotage.prepare(cast)
        redact = None if self.mask is None else self.mask.redact
        logbook = self._logbook.open() if self._logbook else nullcontext()
        with prepared(self._scenario) as workspace, logbook, keeping_quiet(redact):
            deck.run(self._take_steps(agents, router, workspace, deck))
            return take_states((name for one in self._scenario.then for name in one.reads), workspace)

    def judge(self, states: dict[str, Any], deck: Deck) -> ScenarioResult:
        """Judge what the run left behind."""
        history = History(row.envelope for row in self.record.rows)
        logs = self._logbook.lines if self._logbook else ()
        in_vain, astray = tuple(self.sabotage.in_vain()), tuple(deck.findings())
        evidence = Evidence(
            history, states, logs, (*in_vain, *astray), stored=self.record.rows, folder=self._scenario.path.parent,
            redact=None if self.mask is None else self.mask.redact,
        )  # fmt: skip
        outcomes = judge_all(self._scenario.then, evidence)
        met = all(outcome.met for outcome in outcomes)
        return ScenarioResult(
            self._scenario,
            "passed" if met and not in_vain and not astray else "failed",
            outcomes,
            duration_s=history.seconds,
            rows=history.rows,
            journal=self.record.export(),
            strikes=tuple(self.sabotage.strikes),
            in_vain=in_vain,
            stored=tuple(self.record.rows),
            astray=astray,
            held=deck.held,
            redact=evidence.redact,
        )

    async def _take_steps(self, agents: list[Agent], router: Router, workspace: Path, deck: Deck) -> None:
        scenario, clock = self._scenario, deck.clock
        logger = self._logbook.logger(clock) if self._logbook else None
        router = router if self.mask is None else RedactedRouter(router, self.mask.for_router)
        async with (
            deck.playing(),
            Orchestrator(
                _settings_of(scenario, workspace, deck.settings),
                agents=agents,
                router=router,
                journal=self.record,
                clock=clock,
                run=deck.run_id,
                logger=logger,
                outside_of=deck.outside_of,
            ) as orchestrator,
            answering(Crowd(scenario.given.people, deck.tape).answer, orchestrator),
        ):
            self.sabotage.begin(orchestrator.bus)
            for step in scenario.when:
                await self._take(step, orchestrator)
            await orchestrator.idle()

    async def _take(self, step: Step, orchestrator: Orchestrator) -> None:
        if step.after is not None:
            await self.record.heard(step.after)
            await asyncio.sleep(step.after.wait_s)
        await asyncio.sleep(step.wait_s)
        if len(step.tasks) == 1:
            await orchestrator.submit(step.tasks[0])
        elif step.tasks:
            await orchestrator.submit_plan(Plan(self._scenario.name, step.tasks))


def _settings_of(scenario: Scenario, workspace: Path, recorded: dict[str, Any]) -> Settings:
    given = scenario.given
    own = {"seed": scenario.seed, "fallback_agent": given.fallback, "when_abstained": given.when_abstained}
    return Settings.model_validate({**recorded, **own, "workspace": workspace, "log_format": "off"})


def _installed(scenario: Scenario) -> list[Agent]:
    """Return the installed agents; none where it names none, for loading them is what takes longest."""
    return [plugin.agent for plugin in discover().loaded] if scenario.given.agents else []


def _router_of(scenario: Scenario, make: Callable[[], Router]) -> Router:
    threshold = scenario.given.threshold
    return make() if threshold is None else OtherThreshold(make(), threshold)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
