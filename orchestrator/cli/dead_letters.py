"""`pointsman dead-letters`: what was given up; look at it, try it again, or drop it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, moment, note, print_json, shorten, show, table
from orchestrator.cli.options import AsJson, Run, SettingsFile, examples
from orchestrator.cli.policy_view import find_policy

if TYPE_CHECKING:
    from orchestrator.journal import JournalReader
    from orchestrator.revival import Dead

app = typer.Typer(
    help="List what was given up, try it again, or drop it.",
    epilog=examples(
        "pointsman dead-letters list --agent sql-checker",
        "pointsman dead-letters retry --all --cause timeout --yes",
    ),
    no_args_is_help=True,
)

Agent: TypeAlias = Annotated[str, typer.Option("--agent", metavar="NAME", help="Only of this agent.")]
Cause: TypeAlias = Annotated[str, typer.Option("--cause", metavar="TEXT", help="Only whose cause contains this.")]
Task: TypeAlias = Annotated[str | None, typer.Argument(metavar="TASK", help="Id; the latest run that gave it up.")]
All: TypeAlias = Annotated[bool, typer.Option("--all", help="Every one that the filters leave.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]


@app.command("list", epilog=examples("pointsman dead-letters list", "pointsman dead-letters list --cause timeout"))
def list_letters(
    *, agent: Agent = "", cause: Cause = "", run: Run = "", settings_file: SettingsFile = None, as_json: AsJson = False
) -> None:
    """List the dead letters that are neither to be tried again nor dropped, the oldest first."""
    from orchestrator.revival import dead_letters

    with session.open_journal(settings_file) as reader:
        session.check_run(reader, run)
        found = dead_letters(reader.rows, run=run, agent=agent, cause=cause)
    if as_json:
        print_json([one.to_json() for one in found])
    elif found:
        rows = [
            (moment(one.at)[5:], one.run, one.task, one.agent, one.attempts, shorten(one.cause, 200)) for one in found
        ]
        show(table(("time (UTC)", "run", "task", "agent", ">attempts", "cause"), rows))
    else:
        note("no dead letter is like that")


@app.command("show", epilog=examples("pointsman dead-letters show pay-acme"))
def show_letter(
    task: Annotated[str, typer.Argument(metavar="TASK", help="Id; the latest run that gave it up.")],
    *,
    run: Run = "",
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what happened to one, attempt by attempt, and which tasks ended because of it."""
    from orchestrator.revival import ended_with, find_dead

    with session.open_journal(settings_file) as reader:
        session.check_run(reader, run)
        dead = find_dead(reader.rows, task, run)
        heirs = ended_with(reader.rows, dead)
        run_under = find_policy(reader, dead.run, task, dead.agent)
        rows = [row.envelope for row in reader.rows(run=dead.run, task=task)]
    steps = [(one.at, one.topic, one.body.get("attempt", ""), one.body.get("error", "")) for one in rows]
    if as_json:
        told = [dict(zip(("at", "topic", "attempt", "error"), step, strict=True)) for step in steps]
        about = {} if run_under is None else {"run_under": run_under.to_json()}
        print_json({**dead.to_json(), **about, "ended_with_it": heirs, "steps": told})
        return
    show(cell(dead.task, "bold").append(": ").append_text(cell(dead.cause, "red")))
    show(cell(f"run {dead.run}, agent {dead.agent or 'nobody'}, {dead.attempts} attempts", "dim"))
    for name, text in run_under.facts() if run_under is not None else ():
        show(cell(f"{name} {text}", "dim"))
    if heirs:
        show(cell(f"{len(heirs)} tasks ended because of it: {shorten(', '.join(heirs), 200)}"))
    show("", table(("time (UTC)", "topic", ">attempt", "error"), [(moment(at)[5:], *rest) for at, *rest in steps]))


@app.command(
    epilog=examples("pointsman dead-letters retry pay-acme", "pointsman dead-letters retry --all --agent poet")
)
def retry(
    task: Task = None,
    *,
    every: All = False,
    agent: Agent = "",
    cause: Cause = "",
    run: Run = "",
    yes: Yes = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Open given-up tasks again, with no attempt counted, and those that ended only because of them.

    Effects that have a receipt are not done again. It takes `pointsman resume RUN` to go on with the tasks: a process
    that runs them now does not hear of it.
    """
    from orchestrator.topics import TASK_REVIVED

    done = _settle(task, TASK_REVIVED, "try again", agent, cause, run, settings_file, every=every, yes=yes)
    _report(done, "to be tried again", as_json=as_json)
    if not as_json:
        for name in dict.fromkeys(one.run for one in done):
            note(f"go on with: pointsman resume {name}")


@app.command(epilog=examples("pointsman dead-letters drop pay-acme", "pointsman dead-letters drop --all --yes"))
def drop(
    task: Task = None,
    *,
    every: All = False,
    agent: Agent = "",
    cause: Cause = "",
    run: Run = "",
    yes: Yes = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """List given-up tasks no more. What happened stays in the journal."""
    from orchestrator.topics import TASK_DROPPED

    done = _settle(task, TASK_DROPPED, "drop", agent, cause, run, settings_file, every=every, yes=yes)
    _report(done, "dropped", as_json=as_json)


def _settle(
    task: str | None,
    topic: str,
    what: str,
    agent: str,
    cause: str,
    run: str,
    settings_file: Path | None,
    *,
    every: bool,
    yes: bool,
) -> list[Dead]:
    from orchestrator.postscript import Entry, append

    if (task is not None) == every:
        raise typer.BadParameter("name a task, or say --all", param_hint="TASK")
    if task is not None and (agent or cause):
        raise typer.BadParameter("these go with --all", param_hint="--agent, --cause")
    with session.open_journal(settings_file) as reader:
        session.check_run(reader, run)
        chosen = _chosen(reader, task, agent, cause, run)
    if every and chosen and not yes and not typer.confirm(f"{what} {len(chosen)} dead letters?", err=True):
        raise typer.Exit(1)
    entries = [Entry(one.run, topic, {"agent": one.agent, "error": one.cause}, one.task, one.id) for one in chosen]
    append(session.open_settings(settings_file), entries)
    return chosen


def _chosen(reader: JournalReader, task: str | None, agent: str, cause: str, run: str) -> list[Dead]:
    from orchestrator.revival import dead_letters, find_dead

    if task is not None:
        return [find_dead(reader.rows, task, run)]
    return dead_letters(reader.rows, run=run, agent=agent, cause=cause)


def _report(done: list[Dead], what: str, *, as_json: bool) -> None:
    if as_json:
        print_json([one.to_json() for one in done])
    elif done:
        for one in done:
            show(cell(one.task, "bold").append(f": {what}; ").append_text(cell(one.cause, "dim")))
    else:
        note("no dead letter is like that")
