"""`pointsman replay`: play a recorded run again, offline, and name the first cause of what differs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, print_json, show, table
from orchestrator.cli.options import AsJson, Inputs, RouterFile, SettingsFile, examples
from orchestrator.cli.recorded import find_recorded

if TYPE_CHECKING:
    from orchestrator.settings import Settings
    from scenarios.cassette import Cassette, Recording
    from scenarios.divergence import Comparison
    from scenarios.replayed import Replayed
    from scenarios.tape import Miss

EXAMPLES = examples(
    "pointsman replay",
    "pointsman replay 20261126T081502-99c0",
    "pointsman replay 20261126T0815 --router candidate.npz",
    "pointsman replay 20261126T0815 --json",
)


def replay(
    run: Annotated[
        str,
        typer.Argument(metavar="[RUN]", help="Id of a recorded run, or what it begins with; the latest if not given."),
    ] = "",
    *,
    cassette: Annotated[
        Path | None,
        typer.Option("--cassette", "-c", metavar="FILE", help="Its cassette; the one beside the journal if not given."),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option("--tolerance", min=0, metavar="X", help="By how much a score may move; 5e-6 if not given."),
    ] = None,
    workspace: Inputs = None,
    router: RouterFile = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Play a recorded run again with the agents that are installed now; exit with 1 if anything differs.

    It is offline and takes no time: whatever agents read from outside comes from the cassette, in the recorded
    order and at the recorded times; whatever else they ask is refused. Nothing is written. A read that is not
    recorded, one that was recorded and not made, and rows that differ are told, the first cause first.
    """
    from scenarios.cabinet import cassette_of
    from scenarios.cassette import load_cassette
    from scenarios.redacting import redactor_of
    from scenarios.replayed import replay as replay_run

    settings = session.open_settings(settings_file, router)
    run = run if cassette is not None else find_recorded(settings, run)
    tape = load_cassette(cassette or cassette_of(settings, run))
    settings = session.settle_in(settings, workspace or Path(tape.header.workspace))
    replayed = replay_run(
        tape,
        agents=session.installed_agents(settings),
        workspace=settings.workspace,
        router_file=settings.router,
        redact=redactor_of(tape, settings.journal.parent, os.environ),
    )
    found = _compared(settings, tape, replayed, tolerance)
    same = found.same and not replayed.misses and not replayed.unused
    if as_json:
        print_json(_as_object(tape, replayed, found))
    else:
        _show(tape, replayed, found, settings_file)
    raise typer.Exit(0 if same else 1)


def _compared(settings: Settings, tape: Cassette, replayed: Replayed, tolerance: float | None) -> Comparison:
    from orchestrator.journal import JournalReader
    from scenarios.divergence import compare
    from scenarios.track import JournalTrack, MemoryTrack
    from scenarios.verdict import TOLERANCE

    with JournalReader(settings.journal) as reader:
        session.check_run(reader, tape.header.run)
        recorded = JournalTrack(reader, tape.header.run)
        actual = MemoryTrack(replayed.rows, "replay")
        return compare(recorded, actual, tolerance=TOLERANCE if tolerance is None else tolerance, timing=0.0)


def _show(tape: Cassette, replayed: Replayed, found: Comparison, settings_file: Path | None) -> None:
    from orchestrator.cli.diff import find_origins
    from orchestrator.cli.diff_view import show_comparison

    if not found.same:
        show_comparison(found, find_origins(found, settings_file))
    for miss in replayed.misses:
        _show_miss(miss)
    for recording in replayed.unused:
        _show_unused(recording)
    if found.same and not replayed.misses and not replayed.unused:
        reads = len(tape.recordings)
        show(cell(f"the same: {len(replayed.rows)} rows, {reads} reads of run {tape.header.run}", "green"))


def _show_miss(miss: Miss) -> None:
    from orchestrator.cli.diff_view import sides
    from scenarios.changes import ABSENT, changes

    what = "a read that is not recorded" if miss.nearest is None else "a read that is recorded otherwise"
    show(cell(f"{what}: call {miss.call} of task {miss.task!r} to {miss.source!r}", "red"))
    recorded = ABSENT if miss.nearest is None else miss.nearest.request
    rows = [(one.pointer or "all", *sides(one.recorded, one.actual)) for one in changes(recorded, miss.request)]
    show(table(("where", "recorded", "actual"), rows), "")


def _show_unused(recording: Recording) -> None:
    from orchestrator.cli.live import summarise

    what = f"recorded and not made: call {recording.call} of task {recording.task!r} to {recording.source!r}"
    show(cell(what, "red"), cell(summarise(recording.request, 200), "dim"))


def _as_object(tape: Cassette, replayed: Replayed, found: Comparison) -> dict[str, Any]:
    misses = [
        {
            "task": miss.task,
            "call": miss.call,
            "source": miss.source,
            "request": miss.request,
            "nearest": None if miss.nearest is None else miss.nearest.model_dump(mode="json", exclude_defaults=True),
        }
        for miss in replayed.misses
    ]
    unused = [one.model_dump(mode="json", exclude_defaults=True) for one in replayed.unused]
    same = found.same and not misses and not unused
    about = {"run": tape.header.run, "same": same, "rows": len(replayed.rows), "reads": len(tape.recordings)}
    return about | {"misses": misses, "unused": unused, "comparison": found.to_json()}
