"""`pointsman journal`: verify, export, list the runs, prune, recover."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, moment, note, print_json, show, table
from orchestrator.cli.options import AsJson, Run, SettingsFile, examples

if TYPE_CHECKING:
    from orchestrator.journal import JournalReader

app = typer.Typer(
    help="Verify, export, list, prune and recover what the journal holds.",
    epilog=examples(
        "pointsman journal verify", "pointsman journal export --out run.jsonl", "pointsman journal prune --keep 20"
    ),
    no_args_is_help=True,
)

JournalFile: TypeAlias = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="The journal; that of the settings if not given.")
]


@app.command(epilog=examples("pointsman journal verify", "pointsman journal verify .pointsman/journal.db --json"))
def verify(
    file: JournalFile = None,
    *,
    head: Annotated[
        str, typer.Option("--head", metavar="HASH", help="A head noted earlier: nothing may have been cut off since.")
    ] = "",
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Recompute the chain of hashes; exit with 1 and name the row where it breaks."""
    from orchestrator.errors import JournalError, JournalTamperedError
    from orchestrator.journal import examine

    known, path = _hash(head) if head else None, file or session.open_settings(settings_file).journal
    try:
        with session.open_journal(settings_file, file) as reader:
            outcome = reader.verify(known)
    except JournalTamperedError as error:
        if not as_json:
            raise
        print_json({"journal": error.path, "ok": False, "row": error.sequence, "problem": str(error)})
        raise typer.Exit(1) from None
    except JournalError as error:
        found = examine(path)
        if found.kind in ("sound", "missing"):
            raise
        if not as_json:
            raise JournalError(found.describe()) from error
        print_json({"journal": found.path, "ok": False, **asdict(found)})
        raise typer.Exit(1) from None
    noted = outcome.head.hex()
    if as_json:
        counts = {"rows": outcome.rows, "pruned": outcome.pruned}
        print_json({"journal": str(reader.path), "ok": True, **counts, "head": noted})
    else:
        pruned = f", {outcome.pruned} more pruned" if outcome.pruned else ""
        show(cell("sound", "green").append(f": {outcome.rows} rows of ").append_text(cell(reader.path)).append(pruned))
        show(cell(f"head {noted}", "dim"))


@app.command(epilog=examples("pointsman journal export --out run.jsonl", "pointsman journal export | head -3"))
def export(
    file: JournalFile = None,
    *,
    run: Run = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write here, atomically.")] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Write the rows as canonical JSON Lines: the very bytes that the hashes cover."""
    with session.open_journal(settings_file, file) as reader:
        session.check_run(reader, run)
        if out is not None:
            session.write_atomically(out, _lines(reader, run))
            note(f"wrote {out}")
            return
        for line in _lines(reader, run):
            sys.stdout.buffer.write(line)
        sys.stdout.flush()


@app.command(epilog=examples("pointsman journal runs", "pointsman journal runs --json"))
def runs(file: JournalFile = None, *, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """List the runs, the oldest first."""
    with session.open_journal(settings_file, file) as reader:
        found = reader.runs()
    if as_json:
        print_json(
            [{"run": one.run, "first_at": one.first_at, "last_at": one.last_at, "rows": one.rows} for one in found]
        )
    else:
        rows = [(one.run, moment(one.first_at), moment(one.last_at), one.rows) for one in found]
        show(table(("run", "first row (UTC)", "last row (UTC)", ">rows"), rows))


@app.command(
    epilog=examples(
        "pointsman journal prune --keep 20 --dry-run",
        "pointsman journal prune --older-than 30d",
        "pointsman journal prune --run 20260105T090000-1a2b",
    )
)
def prune(
    file: JournalFile = None,
    *,
    keep: Annotated[int | None, typer.Option("--keep", metavar="N", min=0, help="Keep the newest N runs.")] = None,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Only runs that ended so long ago: 30d, 12h, 90m.")
    ] = "",
    run: Annotated[
        list[str] | None, typer.Option("--run", metavar="ID", help="Only this run; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Remove whole finished runs, with what was said of their decisions; the chain still verifies.

    A run that is unfinished, or that a process owns, stays: exit with 1 if one was named.
    """
    from orchestrator.cli.prune_view import seconds_of, show_pruned
    from orchestrator.clock import SystemClock
    from orchestrator.journal import Choice
    from orchestrator.journal import prune as prune_journal

    if keep is None and not older_than and not run:
        raise typer.BadParameter("say which runs are to go: --keep N, --older-than AGE or --run ID")
    before = SystemClock().now() - seconds_of(older_than) if older_than else None
    path = file or session.open_settings(settings_file).journal
    if run:
        with session.open_journal(settings_file, file) as reader:
            for name in run:
                session.check_run(reader, name)
    outcome = prune_journal(path, Choice(keep or 0, before, tuple(run or ())), dry=dry_run)
    if as_json:
        print_json({"journal": str(path), "dry_run": dry_run, **asdict(outcome)})
    else:
        show_pruned(path, outcome, dry=dry_run)
    raise typer.Exit(1 if run and outcome.kept else 0)


@app.command(
    epilog=examples("pointsman journal recover sound.db", "pointsman journal recover sound.db damaged.db --json")
)
def recover(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The new journal; must not be there yet.")],
    file: JournalFile = None,
    *,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Copy the rows of a damaged journal up to the first that is wrong; exit with 1 if there was one."""
    from orchestrator.journal import salvage

    path = file or session.open_settings(settings_file).journal
    done = salvage(path, out)
    if as_json:
        print_json({"journal": str(path), "out": str(out), **asdict(done)})
    else:
        show(cell(f"copied {done.rows} sound rows of {path} to {out}"))
        if done.problem:
            note(f"no more, for {done.problem}")
    raise typer.Exit(1 if done.problem else 0)


def _hash(text: str) -> bytes:
    from orchestrator.errors import PointsmanError
    from orchestrator.journal import GENESIS

    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != len(GENESIS):
        what = "give the 64 hexadecimal digits that `pointsman journal verify` printed"
        raise PointsmanError(f"{text!r} is no head: {what}")
    return found


def _lines(reader: JournalReader, run: str) -> Iterator[bytes]:
    return (row.canonical + b"\n" for row in reader.rows(run=run))
