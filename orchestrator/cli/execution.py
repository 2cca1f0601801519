"""Execution: a plan run for real, with somebody watching; shared by `run` and `demo`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.live import Display, display_for
from orchestrator.cli.run_view import RunView

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.bus import Subscription
    from orchestrator.plan import Plan
    from orchestrator.settings import Settings
    from router import Router


@dataclass(frozen=True, slots=True)
class Execution:
    """A run that is over: its id, its journal, what became of every task, and which model routed."""

    run: str
    journal: Path
    plan: str
    view: RunView
    model: str = "given"

    @property
    def ok(self) -> bool:
        """Whether every task completed."""
        results = self.view.results()
        return len(results) == len(self.view.tasks) and all(result.ok for result in results)


def execute(plan: Plan, settings: Settings, console: Console, *, router: Router | None = None) -> Execution:
    """Run a plan to its end with every installed agent, showing it on the console.

    Raises:
        PointsmanError: if the run cannot start; a task that fails is a result.
    """
    from orchestrator.router_of_run import name_model

    if plan.seed is not None:
        settings = settings.model_copy(update={"seed": plan.seed})
    if settings.log_format == "auto":  # the display says the same, better
        settings = settings.model_copy(update={"log_format": "off"})
    view = RunView(plan.tasks)
    run = asyncio.run(_run(plan, settings, view, display_for(console, view, plan.name), router))
    return Execution(run, settings.journal, plan.name, view, name_model(settings) if router is None else "given")


async def _run(plan: Plan, settings: Settings, view: RunView, display: Display, router: Router | None) -> str:
    from orchestrator.orchestrator import Orchestrator

    async with Orchestrator(settings, router=router) as orchestrator:
        watched = orchestrator.bus.subscribe("task.>")
        with display:
            async with asyncio.TaskGroup() as group:
                group.create_task(_watch(watched, view, display), name="display")
                await orchestrator.run(plan)
                await orchestrator.idle()
                await watched.drained()
                watched.close()
        return orchestrator.run_id


async def _watch(watched: Subscription, view: RunView, display: Display) -> None:
    async for envelope in watched:
        changed = view.apply(envelope)
        if changed is not None:
            display.changed(changed)
