"""The app: which commands there are, and the options of `pointsman` itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli import (
    agents,
    budget,
    coverage,
    dead_letters,
    decisions,
    demo,
    diff,
    doctor,
    evaluation,
    exports,
    feedback,
    fork,
    golden,
    imports,
    inbox,
    journal,
    learn,
    models,
    promote,
    record,
    replay,
    report,
    resume,
    route,
    run,
    scan,
    schema,
    test,
    train,
    whatif,
    why,
)
from orchestrator.cli.options import SettingsFile, examples

app = typer.Typer(
    name="pointsman",
    help="Send each task to the right agent, in microseconds; every decision is on record and can be explained.",
    epilog=examples("pointsman demo", "pointsman run release.plan.yaml", "pointsman why decide"),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag's value
    if wanted:
        import importlib.metadata

        typer.echo(f"pointsman {importlib.metadata.version('pointsman')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    *,
    settings_file: SettingsFile = None,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", help="Print the version and leave.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Send each task to the right agent, in microseconds; every decision is on record and can be explained."""
    if settings_file is not None:
        context.default_map = _default_everywhere(context.command, settings_file)


def _default_everywhere(command: object, settings_file: Path) -> dict[str, Any]:
    """Return the settings file as the default of a command and, by name, of those below it."""
    below = getattr(command, "commands", {})
    return {"settings_file": settings_file, **{name: _default_everywhere(below[name], settings_file) for name in below}}


app.command(epilog=demo.EXAMPLES)(demo.demo)
app.command(epilog=run.EXAMPLES)(run.run)
app.command(epilog=resume.EXAMPLES)(resume.resume)
app.command(epilog=record.EXAMPLES)(record.record)
app.command(epilog=replay.EXAMPLES)(replay.replay)
app.command(epilog=fork.EXAMPLES)(fork.fork)
app.command("test", epilog=test.EXAMPLES)(test.play_scenarios)
app.add_typer(golden.app, name="golden")
app.command(epilog=schema.EXAMPLES)(schema.schema)
app.command(epilog=coverage.EXAMPLES)(coverage.coverage)
app.command(epilog=route.EXAMPLES)(route.route)
app.command(epilog=train.EXAMPLES)(train.train)
app.command("eval", epilog=evaluation.EXAMPLES)(evaluation.evaluate)
app.add_typer(agents.app, name="agents")
app.command(epilog=decisions.EXAMPLES)(decisions.decisions)
app.command(epilog=why.EXAMPLES)(why.why)
app.command(epilog=diff.EXAMPLES)(diff.diff)
app.command(epilog=report.EXAMPLES)(report.report)
app.command(epilog=whatif.EXAMPLES)(whatif.whatif)
app.command(epilog=feedback.EXAMPLES)(feedback.feedback)
app.command(epilog=learn.EXAMPLES)(learn.learn)
app.command(epilog=promote.PROMOTE_EXAMPLES)(promote.promote)
app.command(epilog=promote.ROLLBACK_EXAMPLES)(promote.rollback)
app.command(epilog=models.EXAMPLES)(models.models)
app.command(epilog=budget.EXAMPLES)(budget.budget)
app.command(epilog=inbox.INBOX_EXAMPLES)(inbox.inbox)
app.command(epilog=inbox.ANSWER_EXAMPLES)(inbox.answer)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(journal.app, name="journal")
app.command(epilog=scan.EXAMPLES)(scan.scan)
app.add_typer(imports.app, name="import")
app.add_typer(exports.app, name="export")
app.command(epilog=doctor.EXAMPLES)(doctor.doctor)
