"""`pointsman golden`: golden runs of scenarios; look at what would change, or let it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, print_json, show
from orchestrator.cli.options import AsJson, RouterFile, SettingsFile, examples

if TYPE_CHECKING:
    from orchestrator.errors import DocumentError
    from orchestrator.settings import Settings
    from scenarios.collector import Collection
    from scenarios.golden import Golden

app = typer.Typer(
    help="Look at what would change in golden runs, or let it.",
    epilog=examples("pointsman golden review uat/", "pointsman golden update uat/refund.scenario.yaml"),
    no_args_is_help=True,
)
Ids: TypeAlias = Annotated[
    list[str],
    typer.Argument(metavar="IDS", help="Scenario files and folders; FILE::TEXT for those whose title holds the text."),
]
Tags: TypeAlias = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="Only with this tag, or 'not TAG'; repeatable.")
]
_SEPARATOR: Final = "::"
_MADE_BY_HAND: Final = (
    "a golden run that a build makes of itself shows nothing; update it by hand, look at the change, and commit it"
)
_MARKS: Final = {"same": ("✓", "green"), "new": ("+", "yellow"), "changed": ("~", "yellow"), "refused": ("!", "red")}


@app.command("review", epilog=examples("pointsman golden review uat/", "pointsman golden review uat/ --tag refunds"))
def review(
    ids: Ids,
    *,
    tags: Tags = None,
    router: RouterFile = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Play scenarios and show what an update would change in their golden runs; exit with 1 if anything.

    Nothing is written.
    """
    found, goldens = _look(ids, tags or [], session.open_settings(settings_file, router))
    _tell(found, goldens, written=False, as_json=as_json)
    raise typer.Exit(_code(found, goldens, wrong=any(one.state != "same" for one in goldens)))


@app.command("update", epilog=examples("pointsman golden update uat/", "pointsman golden update uat/x.yaml::refund"))
def update(
    ids: Ids,
    *,
    tags: Tags = None,
    router: RouterFile = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Play scenarios and write the golden runs of those that are new or have changed; no other file is touched.

    A run that meets not all of its other expectations is no golden one. Where the variable CI is set nothing is
    written: what a build makes of itself shows nothing.
    """
    from scenarios.builds import refuse_in_build
    from scenarios.golden import update as write

    refuse_in_build(os.environ, _MADE_BY_HAND)
    found, goldens = _look(ids, tags or [], session.open_settings(settings_file, router))
    for one in goldens:
        write(one)
    _tell(found, goldens, written=True, as_json=as_json)
    raise typer.Exit(_code(found, goldens, wrong=any(one.state == "refused" for one in goldens)))


def _look(ids: Sequence[str], tags: Sequence[str], settings: Settings) -> tuple[Collection, list[Golden]]:
    """Play what is selected and has a golden run; cassettes are played, never recorded: nothing else is written."""
    from orchestrator.cli.test import play
    from orchestrator.interleaving import USUAL
    from scenarios.golden import once
    from scenarios.golden import review as look
    from scenarios.then import MatchesGolden

    found = _collect(ids, tags)
    wanted = [once(one) for one in found.scenarios if any(isinstance(what, MatchesGolden) for what in one.then)]
    return found, look(play(wanted, settings, "none", USUAL))


def _collect(ids: Sequence[str], tags: Sequence[str]) -> Collection:
    from scenarios.collector import Collection, collect

    parts = [one.partition(_SEPARATOR) for one in ids]
    found = [collect([Path(path)], tags=tags, name=text) for path, _, text in parts]
    scenarios = {(one.path, one.row): one for each in found for one in each.scenarios}
    broken: dict[str, DocumentError] = {str(error): error for each in found for error in each.broken}
    return Collection(tuple(scenarios.values()), tuple(broken.values()))


def _code(found: Collection, goldens: Sequence[Golden], *, wrong: bool) -> int:
    from scenarios.report import ExitCode

    if found.broken:
        return ExitCode.USAGE_ERROR
    if not goldens:
        return ExitCode.NOTHING_COLLECTED
    return ExitCode.FAILED if wrong else ExitCode.PASSED


def _tell(found: Collection, goldens: Sequence[Golden], *, written: bool, as_json: bool) -> None:
    if as_json:
        print_json({"goldens": [_as_object(one, written) for one in goldens], "broken": [str(e) for e in found.broken]})
        return
    for one in goldens:
        mark, style = _MARKS[one.state]
        show(cell(mark, style).append(" ").append_text(cell(f"{_named(one.path)} {_state(one, written)}: {one.about}")))
        if one.state == "changed" and one.comparison is not None and not written:
            from orchestrator.cli.diff_view import show_comparison

            show_comparison(one.comparison, {})
            show("")
    for error in found.broken:
        show(cell(f"broken: {error}", "red"))
    if not goldens and not found.broken:
        show(cell("no scenario of these has a golden run; add `{type: matches-golden, file: ...}` to its `then`"))


def _state(golden: Golden, written: bool) -> str:  # noqa: FBT001 - a word or the other
    if not golden.pending:
        return golden.state
    if written:
        return "made" if golden.state == "new" else "replaced"
    return "would be made" if golden.state == "new" else "would be replaced"


def _named(path: Path) -> Path:
    """Return a path as people name it: from here, where it is below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _as_object(golden: Golden, written: bool) -> dict[str, Any]:  # noqa: FBT001 - a field
    return {
        "file": str(golden.path),
        "scenario": golden.result.scenario.title,
        "state": golden.state,
        "about": golden.about,
        "written": written and golden.pending,
        "comparison": None if golden.comparison is None else golden.comparison.to_json(),
    }
