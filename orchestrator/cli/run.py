"""`pointsman run`: a plan, for real."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, make_console, print_json, show, table
from orchestrator.cli.live import summarise
from orchestrator.cli.options import AsJson, BudgetText, RouterFile, SettingsFile, examples

if TYPE_CHECKING:
    from orchestrator.cli.execution import Execution
    from orchestrator.cli.run_view import TaskView

EXAMPLES = examples(
    "pointsman run release.plan.yaml --workspace .",
    "pointsman run release.plan.yaml --budget tokens=100000,cost=2.50",
    "pointsman run release.plan.yaml --json | jq .ok",
)


def run(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="YAML file: tasks and what each waits for.")],
    *,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", "-w", metavar="DIR", help="Folder that paths in payloads start from.")
    ] = None,
    budget: BudgetText = "",
    router: RouterFile = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Run a plan with the installed agents; exit with 1 if a task did not complete, 5 if the run's budget is used up.

    SIGTERM and Ctrl-C let attempts that have begun finish for `drain_s` seconds; `pointsman resume` goes on from there.
    """
    from orchestrator.cli.execution import execute
    from orchestrator.plan import load_plan

    limits = session.read_budget(budget)
    settings = session.open_settings(settings_file, router)
    loaded = load_plan(plan)
    settings = session.settle_in(settings, workspace)
    done = execute(loaded, settings, make_console(stderr=as_json), budget=limits)
    if as_json:
        print_json(as_object(done))
    else:
        show_results(done)
    raise typer.Exit(done.exit_code)


def as_object(done: Execution) -> dict[str, Any]:
    """Return a run as a JSON object: all results, in the order of submission."""
    results = [_result(view) for view in done.view.tasks.values()]
    stopped_by = None if done.stopped_by is None else done.stopped_by.to_json()
    budgets = [balance.to_json() for balance in done.budgets]
    about = {"run": done.run, "plan": done.plan, "journal": str(done.journal), "ok": done.ok}
    return {**about, "stopped_by": stopped_by, "budgets": budgets, "results": results}


def show_results(done: Execution) -> None:
    """Print what became of every task, and where to look on."""
    rows = [_row(view) for view in done.view.tasks.values()]
    show("", table(("task", "agent", ">confidence", "status", "outcome"), rows), "")
    completed = sum(result.ok for result in done.view.results())
    counts = f"{completed} of {len(rows)} tasks completed"
    if done.signal:
        show(cell(f"stopped by a signal; go on with: pointsman resume {done.run}", "yellow"))
    if done.stopped_by is not None:
        more = f"{done.stopped_by.resource}=MORE"
        show(cell(f"{done.stopped_by.tell()}; go on with: pointsman resume {done.run} --budget {more}", "yellow"))
    show(
        cell(counts, "green" if done.ok else "red").append_text(
            cell(f"; run {done.run}, journal {done.journal}, router {done.model}", "dim")
        )
    )


def _row(view: TaskView) -> list[object]:
    result = view.result
    if result is None:
        return [view.id, view.agent, "", cell("unfinished", "red"), ""]
    outcome = result.error or summarise(result.output, 120)
    sure = "" if view.confidence is None else f"{view.confidence:.2f}"
    attempts = f" ({result.attempts} attempts)" if result.attempts > 1 else ""
    status = cell(result.status.replace("_", " ") + attempts, "green" if result.ok else "red")
    return [view.id, view.agent, sure, status, outcome]


def _result(view: TaskView) -> dict[str, Any]:
    result = view.result
    ended = (
        {"status": "unfinished", "output": None, "error": "", "attempts": 0}
        if result is None
        else {"status": result.status, "output": result.output, "error": result.error, "attempts": result.attempts}
    )
    budget = {} if view.budget is None else {"budget": view.budget}
    return {"task": view.id, "agent": view.agent, "confidence": view.confidence, **ended, **budget}
