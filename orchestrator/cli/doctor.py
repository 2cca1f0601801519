"""`pointsman doctor`: whether this installation and this folder are fit to run, and whether a plan can be repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, print_json, show, table
from orchestrator.cli.options import AsJson, RouterFile, SettingsFile, examples

EXAMPLES = examples(
    "pointsman doctor",
    "pointsman doctor --json",
    "pointsman doctor --determinism release.plan.yaml --workspace inputs",
)
_STYLES: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    *,
    determinism: Annotated[
        Path | None,
        typer.Option(
            "--determinism",
            metavar="PLAN",
            help="Run this plan several times, offline and in virtual time, and name what makes runs differ.",
        ),
    ] = None,
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", metavar="DIR", help="Folder of the plan's inputs; each run gets a copy."),
    ] = None,
    cassette: Annotated[
        Path | None,
        typer.Option("--cassette", "-c", metavar="FILE", help="Answers what the plan's agents read from outside."),
    ] = None,
    router: RouterFile = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Check Python, packages, disk, agents, router and settings; exit with 1 if something fails.

    With `--determinism PLAN` the plan is run in processes of their own, with other hash seeds, other orders of
    registration and other numbers of workers. Told are what differs, and by file and line what agents read past
    their context: time, ids, randomness, environment, files, connections, threads, programs, the order of sets.
    Their handlers do run, on copies of the workspace: whatever else they change is changed several times.
    """
    if determinism is not None:
        _examine(determinism, workspace, cassette, router, settings_file, as_json=as_json)
    from orchestrator.cli.health import check_health

    checks = check_health(settings_file)
    ok = not any(check.status == "fail" for check in checks)
    if as_json:
        print_json({"ok": ok, "checks": [check.to_json() for check in checks]})
    else:
        rows = [(check.name, cell(check.status, _STYLES[check.status]), check.detail) for check in checks]
        show(table(("what", "", "detail"), rows))
    raise typer.Exit(0 if ok else 1)


def _examine(
    plan: Path,
    workspace: Path | None,
    cassette: Path | None,
    router: Path | None,
    settings_file: Path | None,
    *,
    as_json: bool,
) -> None:
    from orchestrator.cli.determinism_view import as_object, show_examination
    from orchestrator.plan import load_plan
    from scenarios.determinism import examine

    load_plan(plan)  # refused here, with its line, rather than in a process
    settings = session.settle_in(session.open_settings(settings_file, router), workspace)
    found = examine(
        plan,
        workspace=settings.workspace,
        agents=session.installed_agents(settings),
        settings=settings_file,
        router=router,
        cassette=cassette,
    )
    if as_json:
        print_json(as_object(found))
    else:
        show_examination(plan, found)
    raise typer.Exit(0 if found.ok else 1)
