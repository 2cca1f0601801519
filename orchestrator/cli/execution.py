"""Execution: a run for real, with somebody watching; shared by `run`, `resume` and `demo`."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.entry import SPENT
from orchestrator.cli.live import Display, display_for
from orchestrator.cli.run_view import RunView
from orchestrator.cli.signals import Interruption

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.budget import Budget, Shortage
    from orchestrator.bus import Subscription
    from orchestrator.ledger import Balance
    from orchestrator.orchestrator import Orchestrator
    from orchestrator.plan import Plan
    from orchestrator.settings import Settings
    from router import Router


@dataclass(frozen=True, slots=True)
class Execution:
    """A run that this process has left.

    Attributes:
        run: its id.
        journal: the file that it is in.
        plan: name of the plan.
        view: what became of every task.
        model: which model routed, in words.
        signal: number of the signal that ended it early; 0 for none.
        budgets: what was used of every budget; nothing where there is none.
    """

    run: str
    journal: Path
    plan: str
    view: RunView
    model: str = "given"
    signal: int = 0
    budgets: tuple[Balance, ...] = ()

    @property
    def stopped_by(self) -> Shortage | None:
        """What of the run's own budget is used up, so that tasks ended; None where nothing is."""
        from orchestrator.budget import Shortage

        body = self.view.stopped_by
        return None if body is None else Shortage.from_json(body)

    @property
    def ok(self) -> bool:
        """Whether every task completed."""
        results = self.view.results()
        return len(results) == len(self.view.tasks) and all(result.ok for result in results)

    @property
    def exit_code(self) -> int:
        """0 where every task completed, 128 + the signal that ended it early, 5 for its budget, else 1."""
        if self.signal:
            return 128 + self.signal
        return SPENT if self.stopped_by is not None else int(not self.ok)


def execute(
    plan: Plan, settings: Settings, console: Console, *, router: Router | None = None, budget: Budget | None = None
) -> Execution:
    """Run a plan to its end with every installed agent, showing it on the console.

    What `budget` says replaces what the plan says of the run's budget, and that what the settings say.

    Raises:
        PointsmanError: if the run cannot start; a task that fails is a result.
    """
    from orchestrator.orchestrator import Orchestrator

    if plan.seed is not None:
        settings = settings.model_copy(update={"seed": plan.seed})
    limits = settings.budget
    for one in (plan.budget, budget):
        limits = limits if one is None else one.over(limits)
    plan = dataclasses.replace(plan, budget=None)
    view = RunView(plan.tasks)
    made = Orchestrator(_silent(settings), router=router, budget=limits)
    signal = asyncio.run(_run(made, plan, view, display_for(console, view, plan.name)))
    return _executed(made, plan.name, view, signal, given=router is not None)


def go_on(
    run: str, settings: Settings, console: Console, *, accept: Collection[str] = (), budget: Budget | None = None
) -> Execution:
    """Resume a run and see it to its end with every installed agent, showing it on the console.

    What `budget` says replaces what is on record of the run's budget.

    Raises:
        JournalError: if the journal has no such run.
        ResumeError: if agents are missing, or have changed so that it cannot go on.
    """
    from orchestrator.orchestrator import Orchestrator

    view = _view_of(settings.journal, run)
    made = Orchestrator.resume(run, _silent(settings), accept=accept, budget=budget)
    signal = asyncio.run(_run(made, None, view, display_for(console, view, f"resumed {run}")))
    return _executed(made, "", _view_of(settings.journal, run), signal)  # some ended before anybody could watch


def _view_of(journal: Path, run: str) -> RunView:
    from orchestrator.journal import JournalReader

    view = RunView()
    with JournalReader(journal) as reader:
        for row in reader.rows(run=run):
            view.apply(row.envelope)
    return view


def _silent(settings: Settings) -> Settings:
    """Return settings without log lines where these would be for people: the display says the same, better."""
    return settings.model_copy(update={"log_format": "off"}) if settings.log_format == "auto" else settings


def _executed(made: Orchestrator, plan: str, view: RunView, signal: int, *, given: bool = False) -> Execution:
    from orchestrator.router_of_run import name_model

    model = "given" if given else name_model(made.settings)
    return Execution(made.run_id, made.settings.journal, plan, view, model, signal, made.statistics().budgets)


async def _run(made: Orchestrator, plan: Plan | None, view: RunView, display: Display) -> int:
    """Do the run; return the number of the signal that ended it early, or 0."""
    with Interruption() as interruption:
        async with made as orchestrator:
            watched = orchestrator.bus.subscribe("task.>")
            with display:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_watch(watched, view, display), name="display")
                    await interruption.guard(functools.partial(_work, orchestrator, plan))
                    if interruption.number:
                        orchestrator.hasten()
                    else:
                        await watched.drained()
                    watched.close()
        return interruption.number


async def _work(orchestrator: Orchestrator, plan: Plan | None) -> None:
    if plan is not None:
        await orchestrator.submit_plan(plan)
    await orchestrator.results()


async def _watch(watched: Subscription, view: RunView, display: Display) -> None:
    async for envelope in watched:
        changed = view.apply(envelope)
        if changed is not None:
            display.changed(changed)
