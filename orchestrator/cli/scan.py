"""`pointsman scan`: secrets in what runs have left behind: where they are, never what they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, print_json, show, table
from orchestrator.cli.options import AsJson, SettingsFile, examples

if TYPE_CHECKING:
    from orchestrator.redaction.scan import Find

EXAMPLES = examples(
    "pointsman scan .pointsman",
    "pointsman scan .pointsman/journal.db report.xml run.log",
    "pointsman scan build/ --profile bank.redaction.yaml --json",
)
#: Places that are shown to people; --json has all.
_SHOWN = 50


def scan(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATHS", help="Files and folders: journals, cassettes, logs, reports.")
    ],
    *,
    profile: Annotated[
        str, typer.Option("--profile", metavar="PROFILE|FILE", help="What is a secret: default, or a YAML file.")
    ] = "",
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Look for secrets in files, with the rules of redaction; exit with 1 if there are any.

    Card numbers, IBANs, tokens, keys, cookies, e-mail addresses and telephone numbers, passwords by their names;
    in journals row by row, and in JSON inside texts, queries and base64. It tells file, place and rule, and not
    the secret. What redaction has put in is none.
    """
    from orchestrator.redaction import DEFAULT, NONE, Profile, read_profile
    from orchestrator.redaction.scan import scan as scan_path

    named = profile or session.open_settings(settings_file).redact
    used = read_profile(DEFAULT if named == NONE else named) or Profile()
    for path in paths:
        if not path.exists():
            raise typer.BadParameter(f"there is no {str(path)!r}", param_hint="PATHS")
    found = [find for path in paths for find in scan_path(path, used)]
    if as_json:
        print_json({"profile": used.name, "found": [find._asdict() for find in found]})
    else:
        _show(found)
    raise typer.Exit(1 if found else 0)


def _show(found: list[Find]) -> None:
    if not found:
        show(cell("no secret was found", "green"))
        return
    show(table(("file", "where", "rule", "how many"), [tuple(map(str, find)) for find in found[:_SHOWN]]))
    more = f", of which {_SHOWN} are shown; see --json" if len(found) > _SHOWN else ""
    show(cell(f"secrets at {len(found)} places{more}", "red"))
