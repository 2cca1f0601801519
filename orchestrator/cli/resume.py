"""`pointsman resume`: go on with a run that was stopped or killed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import session
from orchestrator.cli.console import make_console, print_json
from orchestrator.cli.options import AsJson, BudgetText, RouterFile, SettingsFile, examples
from orchestrator.cli.run import as_object, show_results
from orchestrator.errors import PointsmanError

EXAMPLES = examples(
    "pointsman resume",
    "pointsman resume 20261125T224930-3f1a",
    "pointsman resume 20261125T224930-3f1a --accept sql-checker",
    "pointsman resume --budget tokens=200000",
)


def resume(
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="Id of the run; the latest of the journal if not given.")
    ] = "",
    *,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept",
            metavar="AGENT",
            help="Go on although this agent is missing (its tasks are routed anew) or has changed. May be repeated.",
        ),
    ] = None,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", "-w", metavar="DIR", help="Folder that paths in payloads start from.")
    ] = None,
    budget: BudgetText = "",
    router: RouterFile = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a run from its journal, after a stop or any crash; exit with 1 if a task did not complete.

    What has ended is not done again, nor any effect that has its receipt. An attempt that was cut short by a crash
    counts as one; the task gets its next. What ended because a budget was used up is tried again where that has room
    now: `--budget` raises limits of the run. Nobody else may be at it: its owner is waited for, for two leases.
    """
    from orchestrator.cli.execution import go_on

    limits = session.read_budget(budget)
    settings = session.open_settings(settings_file, router)
    settings = session.settle_in(settings, workspace)
    with session.open_journal(settings_file, settings.journal) as reader:
        session.check_run(reader, run)
        run = run or next((one.run for one in reversed(reader.runs()) if _is_a_run(one.run)), "")
    if not run:
        raise PointsmanError(f"{settings.journal}: no run to go on with; begin one with `pointsman run`")
    done = go_on(run, settings, make_console(stderr=as_json), accept=accept or (), budget=limits)
    if as_json:
        print_json(as_object(done))
    else:
        show_results(done)
    raise typer.Exit(done.exit_code)


def _is_a_run(name: str) -> bool:
    from orchestrator.postscript import MODELS_RUN

    return name != MODELS_RUN
