"""`pointsman diff`: what two runs differ in, the first cause first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import session
from orchestrator.cli.console import print_json
from orchestrator.cli.named_runs import NamedRuns
from orchestrator.cli.options import AsJson, SettingsFile, examples

if TYPE_CHECKING:
    from scenarios.divergence import Comparison
    from scenarios.origin import Origin

EXAMPLES = examples(
    "pointsman diff 20261125T224930-3f1a 20261126T081502-99c0",
    "pointsman diff recorded.jsonl 20261126T0815",
    "pointsman diff recorded.jsonl actual.jsonl --json",
)
#: What stands for all first causes.
_ALL = 1_000_000


def diff(
    recorded: Annotated[
        str,
        typer.Argument(metavar="A", help="The run as it was: its id or what that begins with, or a JSON Lines file."),
    ],
    actual: Annotated[str, typer.Argument(metavar="B", help="The run as it is now, given alike.")],
    *,
    tolerance: Annotated[
        float | None,
        typer.Option("--tolerance", min=0, metavar="X", help="By how much a score may move; 5e-6 if not given."),
    ] = None,
    timing: Annotated[
        float | None,
        typer.Option("--timing", min=0, metavar="SECONDS", help="Rows may be this much earlier or later, no more."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Tell all first causes, not the first of each class.")
    ] = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Compare two runs row by row and name the first cause of what differs; exit with 1 if anything does.

    Rows are matched by what they are about, not by their ids. What follows from a cause is counted under it. Rows that
    commute may stand in another order. Times are looked at with --timing only.
    """
    from scenarios.divergence import MOST, compare
    from scenarios.verdict import TOLERANCE

    with NamedRuns(settings_file) as runs:
        tracks = runs.open(recorded, "A"), runs.open(actual, "B")
        found = compare(
            *tracks,
            tolerance=TOLERANCE if tolerance is None else tolerance,
            timing=timing,
            most=_ALL if everything else MOST,
            origins=runs.origins(*tracks),
        )
    origins = find_origins(found, settings_file)
    if as_json:
        print_json(_as_object(found, origins))
    else:
        from orchestrator.cli.diff_view import show_comparison

        show_comparison(found, origins)
    raise typer.Exit(0 if found.same else 1)


def find_origins(found: Comparison, settings_file: Path | None) -> dict[str, Origin]:
    """Return where the code of each agent stands that is told of."""
    from scenarios.origin import locate

    names = {one.agent for one in found.divergences if one.agent}
    if not names:
        return {}
    agents = session.installed_agents(session.open_settings(settings_file))
    return {name: locate(name, agents) for name in names}


def _as_object(found: Comparison, origins: dict[str, Origin]) -> dict[str, Any]:
    value = found.to_json()
    for told in value["divergences"]:
        told["source"] = origins[told["agent"]].to_json() if told["agent"] else None
    return value
