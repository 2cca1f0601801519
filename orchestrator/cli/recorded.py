"""Recorded runs as the commands find them, and how one becomes a scenario."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli import session
from orchestrator.cli.console import cell, print_json, show

if TYPE_CHECKING:
    from orchestrator.settings import Settings


def find_recorded(settings: Settings, run: str) -> str:
    """Return the id of the recorded run that is meant.

    Raises:
        PointsmanError: if there is none, or more than one.
    """
    from orchestrator.documents import suggest
    from orchestrator.errors import PointsmanError
    from scenarios.cabinet import SUFFIX, cassette_of

    folder = cassette_of(settings, "x").parent
    known = sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}"))
    if not known:
        raise PointsmanError(f"{folder}: no run is recorded; record one with `pointsman record PLAN`")
    if not run:
        return known[-1]
    meant = [name for name in known if name == run] or [name for name in known if name.startswith(run)]
    if len(meant) > 1:
        raise PointsmanError(f"{run!r} is the beginning of {len(meant)} recorded runs: {', '.join(meant[:5])}")
    if not meant:
        raise PointsmanError(f"no recorded run {run!r} in {folder}; {suggest(run, known)}")
    return meant[0]


def promote_recorded(run: str, out: Path, settings_file: Path | None, *, overwrite: bool, as_json: bool) -> None:
    """Make a scenario of a recorded run.

    Raises:
        PointsmanError: if there is no such run, or something is there already.
    """
    from orchestrator.journal import JournalReader
    from scenarios.cabinet import cassette_of
    from scenarios.cassette import load_cassette
    from scenarios.promotion import promote_run

    settings = session.open_settings(settings_file)
    run = find_recorded(settings, run)
    with JournalReader(settings.journal) as reader:
        session.check_run(reader, run)
        rows = (row.envelope for row in reader.rows(run=run))
        done = promote_run(load_cassette(cassette_of(settings, run)), rows, out, overwrite=overwrite)
    if as_json:
        workspace = None if done.workspace is None else str(done.workspace)
        files = {"scenario": str(done.scenario), "cassette": str(done.cassette), "workspace": workspace}
        print_json({"run": run, **files, "expectations": done.expectations})
        return
    files_of = "" if done.workspace is None else f", inputs in {done.workspace}"
    show(cell(f"{done.scenario}: {done.expectations} expectations, cassette {done.cassette}{files_of}", "green"))
    show(cell(f"play it with: pointsman test {done.scenario}", "dim"))


def origin_of(settings: Settings, run: str) -> str:
    """Return the run that a recorded one was forked from; empty where it was not, or was not recorded."""
    from scenarios.cabinet import cassette_of

    path = cassette_of(settings, run)
    if not path.is_file():
        return ""
    from scenarios.cassette import load_header

    return load_header(path).origin
