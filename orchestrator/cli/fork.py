"""`pointsman fork`: play a recorded run up to a point and go on from there, as a run of its own."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, print_json, show, table
from orchestrator.cli.options import AsJson, Inputs, RouterFile, SettingsFile, examples
from orchestrator.cli.recorded import find_recorded

if TYPE_CHECKING:
    from scenarios.fork import Forked

EXAMPLES = examples(
    "pointsman fork 20261126T0815 --at 41",
    "pointsman fork 20261126T0815 --at 41 --set /output/verdict=fail",
    "pointsman fork 20261126T0815 --at 23 --set /decision/chosen=sql-checker",
    "pointsman fork 20261126T0815 --at 12 --set '/task/payload={\"limit\": 500}' --tail cassette",
)


def fork(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a recorded run, or what it begins with.")],
    *,
    at: Annotated[int, typer.Option("--at", metavar="SEQ", help="Row of the journal, as `pointsman diff` counts.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="POINTER=VALUE", help="What that row says instead; JSON or text. Repeatable."),
    ] = None,
    tail: Annotated[
        str, typer.Option("--tail", metavar="live|cassette", help="Who answers after the point what descends from it.")
    ] = "live",
    workspace: Inputs = None,
    router: RouterFile = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Go on from any row of a recorded run; exit with 1 if a task did not complete.

    Nobody is asked before the point. After it, what descends from it asks the world, and all else comes from the
    cassette. --set changes the row: /task/... of task.submitted, /output/... of task.completed or effect.done,
    /answer of task.answered, /decision/chosen of task.routed, task.abstained or task.asked: the agent that gets it
    instead. The parent stays as it is; the fork is a recorded run itself.
    """
    from orchestrator.journal import JournalReader
    from scenarios.cabinet import cassette_of
    from scenarios.cassette import load_cassette
    from scenarios.fork import fork as fork_run
    from scenarios.redacting import redacted_results, redactor_of

    if tail not in ("live", "cassette"):
        raise typer.BadParameter(f"{tail!r} is none of live, cassette", param_hint="--tail")
    settings = session.open_settings(settings_file, router)
    parent = find_recorded(settings, run)
    cassette = load_cassette(cassette_of(settings, parent))
    settings = session.settle_in(settings, workspace or Path(cassette.header.workspace))
    settings = settings.model_copy(update={"log_format": "off"})
    with JournalReader(settings.journal) as reader:
        session.check_run(reader, parent)
        rows = list(reader.rows(run=parent))
    redact = redactor_of(cassette, settings.journal.parent, os.environ)
    forked = fork_run(
        cassette,
        rows,
        at,
        settings,
        agents=session.installed_agents(settings),
        changes=[_read(one) for one in changes or ()],
        live=tail == "live",
        redact=redact,
    )
    forked = dataclasses.replace(forked, results=redacted_results(forked.results, redact))
    if as_json:
        print_json(_as_object(parent, forked))
    else:
        _show(parent, forked)
    raise typer.Exit(0 if all(result.ok for result in forked.results.values()) else 1)


def _read(text: str) -> tuple[str, Any]:
    pointer, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} has no '='; write /output/verdict=fail", param_hint="--set")
    try:
        return pointer, json.loads(value)
    except ValueError:
        return pointer, value


def _show(parent: str, forked: Forked) -> None:
    rows = [(one.task_id, one.agent, one.status.replace("_", " "), one.error) for one in forked.results.values()]
    show("", table(("task", "agent", "status", "error"), rows), "")
    show(cell(f"run {forked.run}: {forked.shared} rows as in {parent}, {forked.asked} reads of its own", "green"))
    show(cell(f"see what came of it with: pointsman diff {parent} {forked.run}", "dim"))


def _as_object(parent: str, forked: Forked) -> dict[str, Any]:
    results = [result._asdict() for result in forked.results.values()]
    about = {"run": forked.run, "parent": parent, "cassette": str(forked.cassette)}
    return about | {"shared_rows": forked.shared, "reads": forked.asked, "results": results}
