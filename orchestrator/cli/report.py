"""`pointsman report`: runs as one page to look at, which opens from a disk with no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from orchestrator.cli import session
from orchestrator.cli.console import note, print_json
from orchestrator.cli.diff import find_origins
from orchestrator.cli.named_runs import NamedRuns
from orchestrator.cli.options import AsJson, SettingsFile, examples
from orchestrator.errors import PointsmanError

if TYPE_CHECKING:
    from orchestrator.settings import Settings
    from scenarios.html.page import Told
    from scenarios.html.request_map import RequestMap
    from scenarios.html.story import Story

EXAMPLES = examples(
    "pointsman report",
    "pointsman report 20261125T224930 -o release.html",
    "pointsman report 20261126T081502 --against 20261125T224930",
    "pointsman report recorded.jsonl --json",
)
_OUT: Final = Path("report.html")


def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...", help="Ids or what they begin with, or JSON Lines files; the latest run if none."
        ),
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write here, atomically; report.html if not given."),
    ] = None,
    against: Annotated[
        str,
        typer.Option("--against", metavar="RUN", help="The run as it was: also tell the first causes of what differs."),
    ] = "",
    most_mb: Annotated[
        float,
        typer.Option(
            "--most-mb", min=0.5, max=500, metavar="MB", help="Leave out details of long runs beyond this size."
        ),
    ] = 9.8,
    no_map: Annotated[bool, typer.Option("--no-map", help="Do not ask the router where it sees the requests.")] = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Write a page about runs: verdict, first causes, timeline, decisions, graph, edges, budgets, map, versions, rows.

    The page is one file, made of the journal alone; it loads nothing and runs no script but its own. With --json the
    data is printed, and no page is written unless --out is given.
    """
    with NamedRuns(settings_file) as named:
        told = [
            _tell(named, run, against, settings_file, mapped=not (no_map or as_json))
            for run in runs or [named.latest()]
        ]
    if as_json:
        print_json({"runs": [_as_object(one) for one in told]})
    if not as_json or out is not None:
        _write(out or _OUT, told, round(most_mb * 1e6))


def _tell(named: NamedRuns, run: str, against: str, settings_file: Path | None, *, mapped: bool) -> Told:
    from scenarios.coverage import Coverage
    from scenarios.html.page import Told
    from scenarios.html.story import tell

    track, settings = named.open(run, "RUN"), session.open_settings(settings_file)
    coverage = Coverage(agent.card.name for agent in session.installed_agents(settings))
    source = track.name if track.name != track.run else str(named.journal.path)
    story = tell(track.run, named.rows(track), source, coverage)
    compared = None
    if against:
        from scenarios.divergence import compare

        tracks = named.open(against, "--against"), named.open(run, "RUN")
        compared = compare(*tracks, origins=named.origins(*tracks))
    origins = find_origins(compared, settings_file) if compared is not None else None
    return Told(story, compared, origins, _map(story, settings) if mapped else None, coverage.dimensions())


def _map(story: Story, settings: Settings) -> RequestMap | None:
    """Return where the router of the settings sees the requests; None where it has no such space."""
    from router import RouterError
    from router.exemplars import Embeds
    from scenarios.html.request_map import map_requests

    agents = session.installed_agents(settings)
    try:
        router = session.open_router(None, settings, agents)
    except (PointsmanError, RouterError) as error:
        note(f"no map of the requests: {error}")
        return None
    if not isinstance(router, Embeds):
        return None
    decided = story.choices.fingerprints
    other = f"The router of the settings, {router.fingerprint}, was asked; the run was decided by {', '.join(decided)}."
    known = {agent.card.name: agent.card.examples for agent in agents if agent.card.name in set(story.work.agents)}
    return map_requests(story, router, known, "" if set(decided) <= {router.fingerprint} else other)


def _write(path: Path, told: Sequence[Told], most_bytes: int) -> None:
    from scenarios.html import make_report

    session.write_atomically(path, make_report(told, most_bytes))
    note(f"{path}: written, {path.stat().st_size / 1e6:.1f} MB")


def _as_object(one: Told) -> dict[str, Any]:
    compared = {} if one.compared is None else {"compared": one.compared.to_json()}
    return {**one.story.to_json(), "coverage": {part.name: part.to_json() for part in one.covered}, **compared}
