"""`pointsman journal`: verify, export, and list the runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, moment, note, print_json, show, table
from orchestrator.cli.options import AsJson, Run, SettingsFile, examples

if TYPE_CHECKING:
    from orchestrator.journal import JournalReader

app = typer.Typer(
    help="Verify, export and list what the journal holds.",
    epilog=examples("pointsman journal verify", "pointsman journal export --out run.jsonl", "pointsman journal runs"),
    no_args_is_help=True,
)

JournalFile: TypeAlias = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="The journal; that of the settings if not given.")
]


@app.command(epilog=examples("pointsman journal verify", "pointsman journal verify .pointsman/journal.db --json"))
def verify(file: JournalFile = None, *, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Recompute the chain of hashes; exit with 1 and name the row where it breaks."""
    from orchestrator.errors import JournalTamperedError

    try:
        with session.open_journal(settings_file, file) as reader:
            outcome = reader.verify()
    except JournalTamperedError as error:
        if not as_json:
            raise
        print_json({"journal": error.path, "ok": False, "row": error.sequence, "problem": str(error)})
        raise typer.Exit(1) from None
    head = outcome.head.hex()
    if as_json:
        print_json({"journal": str(reader.path), "ok": True, "rows": outcome.rows, "head": head})
    else:
        show(cell("sound", "green").append(f": {outcome.rows} rows of ").append_text(cell(reader.path)))
        show(cell(f"head {head}", "dim"))


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


def _lines(reader: JournalReader, run: str) -> Iterator[bytes]:
    return (row.canonical + b"\n" for row in reader.rows(run=run))
