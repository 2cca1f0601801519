"""`pointsman record`: run a plan and keep what its agents read from outside, so that it can be replayed."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, make_console, print_json, show
from orchestrator.cli.options import AsJson, BudgetText, RouterFile, SettingsFile, examples
from orchestrator.cli.run import as_object, show_results

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.cli.execution import Execution
    from orchestrator.messages import Envelope
    from orchestrator.plan import Plan
    from orchestrator.redaction import Tally
    from orchestrator.settings import Settings
    from scenarios.recording import Recorded

EXAMPLES = examples(
    "pointsman record release.plan.yaml",
    "pointsman record release.plan.yaml --workspace inputs --cassette release.cassette.jsonl",
    "pointsman record release.plan.yaml --redact bank.redaction.yaml",
    "pointsman replay 20261126T081502-99c0",
)


def record(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="YAML file: tasks and what each waits for.")],
    *,
    cassette: Annotated[
        Path | None,
        typer.Option("--cassette", "-c", metavar="FILE", help="Where to keep it; beside the journal if not given."),
    ] = None,
    virtual: Annotated[
        bool,
        typer.Option("--virtual", help="Let timers pass at once while no call is outside, such as waits to retry."),
    ] = False,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", "-w", metavar="DIR", help="Folder that paths in payloads start from.")
    ] = None,
    redact: Annotated[
        str, typer.Option("--redact", metavar="PROFILE|FILE", help="What is taken out: default, none, or a YAML file.")
    ] = "",
    budget: BudgetText = "",
    router: RouterFile = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Run a plan with the installed agents and record it; exit codes as of `pointsman run`.

    The run is in the journal as any other. What its agents read from outside, by `context.read`, effects and the
    HTTP client, goes to a cassette: JSON Lines that people can review. `pointsman replay` plays the run again from
    it, offline, and says what differs. Times of a recorded run are those of its calls and timers. What people are
    asked waits for `pointsman answer`, and is recorded as well.

    Secrets are taken out of whatever is written, and pseudonyms such as [iban:3f2a9c1d04be] put in: see
    docs/redaction.md. Agents have the real values meanwhile. --redact none writes everything as it is.
    """
    from orchestrator.plan import load_plan

    limits = session.read_budget(budget)
    settings = session.settle_in(session.open_settings(settings_file, router), workspace)
    loaded = load_plan(plan)
    if loaded.seed is not None:
        settings = settings.model_copy(update={"seed": loaded.seed})
    total = settings.budget
    for one in (loaded.budget, limits):
        total = total if one is None else one.over(total)
    settings = settings.model_copy(update={"budget": total})
    recorded, done = _record(
        dataclasses.replace(loaded, budget=None), settings, cassette, redact, virtual=virtual, quiet=as_json
    )
    redacted = {rule: tally._asdict() for rule, tally in recorded.redacted.items()}
    if as_json:
        print_json(
            as_object(done) | {"cassette": str(recorded.cassette), "reads": recorded.reads, "redacted": redacted}
        )
    else:
        show_results(done)
        if redacted:
            show(cell(f"taken out: {ledger_of(recorded.redacted)}", "dim"))
        show(
            cell(f"{recorded.reads} reads in {recorded.cassette}; play it with: pointsman replay {recorded.run}", "dim")
        )
    raise typer.Exit(done.exit_code)


def _record(
    plan: Plan, settings: Settings, cassette: Path | None, redact: str, *, virtual: bool, quiet: bool
) -> tuple[Recorded, Execution]:
    from orchestrator.cli.execution import Execution
    from orchestrator.cli.live import display_for
    from orchestrator.cli.run_view import RunView
    from orchestrator.router_of_run import name_model
    from scenarios.recording import record as record_run
    from scenarios.redacting import new_redactor

    redactor = new_redactor(redact or settings.redact or "default", settings.journal.parent, os.environ)
    view = RunView(plan.tasks)
    display = display_for(make_console(stderr=quiet), view, plan.name)

    def on_row(envelope: Envelope) -> None:
        changed = view.apply(envelope)
        if changed is not None:
            display.changed(changed)

    with display:
        recorded = record_run(
            plan,
            settings.model_copy(update={"log_format": "off"}),
            agents=session.installed_agents(settings),
            into=cassette,
            jumps=virtual,
            on_row=on_row,
            redact=redactor,
        )
    return recorded, Execution(recorded.run, settings.journal, plan.name, view, name_model(settings))


def ledger_of(redacted: Mapping[str, Tally]) -> str:
    """Return in one line what was taken out, by rule."""
    return ", ".join(f"{tally.secrets} {rule} at {tally.places} places" for rule, tally in redacted.items())
