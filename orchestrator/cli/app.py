"""The app: which commands there are, and the options of `pointsman` itself."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer

from orchestrator.cli.options import SettingsFile, examples


class _Command(NamedTuple):
    """Where a command stands: a module of this package, its function, and the examples of its help page."""

    module: str
    function: str
    examples: str = "EXAMPLES"


#: In the order of the help page. One that has no function is a group, an app of its own.
_COMMANDS: Final = {
    "demo": _Command("demo", "demo"),
    "run": _Command("run", "run"),
    "resume": _Command("resume", "resume"),
    "record": _Command("record", "record"),
    "replay": _Command("replay", "replay"),
    "fork": _Command("fork", "fork"),
    "test": _Command("test", "play_scenarios"),
    "schema": _Command("schema", "schema"),
    "coverage": _Command("coverage", "coverage"),
    "route": _Command("route", "route"),
    "train": _Command("train", "train"),
    "eval": _Command("evaluation", "evaluate"),
    "decisions": _Command("decisions", "decisions"),
    "why": _Command("why", "why"),
    "diff": _Command("diff", "diff"),
    "report": _Command("report", "report"),
    "whatif": _Command("whatif", "whatif"),
    "feedback": _Command("feedback", "feedback"),
    "learn": _Command("learn", "learn"),
    "promote": _Command("promote", "promote", "PROMOTE_EXAMPLES"),
    "rollback": _Command("promote", "rollback", "ROLLBACK_EXAMPLES"),
    "models": _Command("models", "models"),
    "budget": _Command("budget", "budget"),
    "inbox": _Command("inbox", "inbox", "INBOX_EXAMPLES"),
    "answer": _Command("inbox", "answer", "ANSWER_EXAMPLES"),
    "scan": _Command("scan", "scan"),
    "doctor": _Command("doctor", "doctor"),
    "golden": _Command("golden", ""),
    "agents": _Command("agents", ""),
    "dead-letters": _Command("dead_letters", ""),
    "journal": _Command("journal", ""),
    "import": _Command("imports", ""),
    "export": _Command("exports", ""),
}


def make_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """Return the app, for these arguments: where they begin with a command, with that one alone.

    Of each command that there is, its module is loaded and its options are made of the types in its signature: nine
    tenths of what it takes to begin, for commands that are not called. Where something else stands first, an option,
    a command that is none, or nothing, the app has all of them.
    """
    app = typer.Typer(
        name="pointsman",
        help="Send each task to the right agent, in microseconds; every decision is on record and can be explained.",
        epilog=examples("pointsman demo", "pointsman run release.plan.yaml", "pointsman why decide"),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    first = next(iter(arguments), "")
    for name in (first,) if first in _COMMANDS else _COMMANDS:
        _add(app, name, _COMMANDS[name])
    return app


def _add(app: typer.Typer, name: str, command: _Command) -> None:
    module = importlib.import_module(f"orchestrator.cli.{command.module}")
    if command.function:
        app.command(name, epilog=getattr(module, command.examples))(getattr(module, command.function))
    else:
        app.add_typer(module.app, name=name)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag's value
    if wanted:
        import importlib.metadata

        typer.echo(f"pointsman {importlib.metadata.version('pointsman')}")
        raise typer.Exit


def _options(
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
