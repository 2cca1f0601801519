"""`pointsman export`: a run made records that others read."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from orchestrator.cli import session
from orchestrator.cli.console import note, print_json
from orchestrator.cli.options import AsJson, SettingsFile, examples

if TYPE_CHECKING:
    from orchestrator.journal import JournalReader

app = typer.Typer(
    help="Make records of a run that others read.",
    epilog=examples("pointsman export xes RUN --out march.xes", "pointsman export otlp RUN --out march.json"),
    no_args_is_help=True,
)

RunArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="RUN", help="Id of the run; see `pointsman journal runs`.")
]
Out: TypeAlias = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write here, atomically.")]
Lines: TypeAlias = Iterable[bytes]


@app.command(epilog=examples("pointsman export xes RUN --out march.xes"))
def xes(run: RunArgument, *, out: Out = None, settings_file: SettingsFile = None) -> None:
    """Write an event log (IEEE 1849): of a run that `import xes` made just that log, else a case for each task."""
    from scenarios.exchange.xes import log_of_rows

    def lines(reader: JournalReader) -> Iterator[bytes]:
        rows = (row.envelope for row in reader.rows(run=run))
        return (line.encode() for line in log_of_rows(rows))

    _write(run, lines, out, settings_file)


@app.command(
    epilog=examples(
        "pointsman export otlp RUN --out march.json",
        "pointsman export otlp RUN --endpoint https://collector.example:4318",
    )
)
def otlp(
    run: RunArgument,
    *,
    out: Out = None,
    endpoint: Annotated[
        str, typer.Option("--endpoint", metavar="URL", help="Send it to this collector (OTLP/HTTP) instead.")
    ] = "",
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Write a trace (OTLP/JSON): the run, a span for each decision, a span for each attempt.

    With --endpoint it is sent, 512 spans at a time, each request up to three times; /v1/traces is added where the URL
    does not end so. OTEL_EXPORTER_OTLP_HEADERS holds further headers, such as `api-key=SECRET`. --json then says what
    was sent.
    """
    from scenarios.exchange.otlp import traces_of

    if endpoint and out is not None:
        raise typer.BadParameter("give --out or --endpoint, not both", param_hint="--endpoint")
    if endpoint:
        _send(run, endpoint, settings_file, as_json=as_json)
        return

    def lines(reader: JournalReader) -> Iterator[bytes]:
        traces = traces_of(run, (row.envelope for row in reader.rows(run=run)))
        yield json.dumps(traces).encode() + b"\n"

    _write(run, lines, out, settings_file)


@app.command(epilog=examples("pointsman export jsonl RUN --out march.jsonl"))
def jsonl(run: RunArgument, *, out: Out = None, settings_file: SettingsFile = None) -> None:
    """Write the rows as canonical JSON Lines, as `pointsman journal export --run RUN` does."""

    def lines(reader: JournalReader) -> Iterator[bytes]:
        return (row.canonical + b"\n" for row in reader.rows(run=run))

    _write(run, lines, out, settings_file)


def _send(run: str, endpoint: str, settings_file: Path | None, *, as_json: bool) -> None:
    from scenarios.exchange.otlp import traces_of
    from scenarios.exchange.otlp_http import headers_of, send_traces

    with session.open_journal(settings_file) as reader:
        session.check_run(reader, run)
        traces = traces_of(run, (row.envelope for row in reader.rows(run=run)))
    sent = asyncio.run(send_traces(traces, endpoint, headers_of(os.environ)))
    if as_json:
        print_json({"run": run, **sent._asdict()})
    else:
        note(f"sent {sent.spans} spans of run {run} in {sent.requests} requests, {sent.retries} of them again")


def _write(run: str, lines: Callable[[JournalReader], Lines], out: Path | None, settings_file: Path | None) -> None:
    with session.open_journal(settings_file) as reader:
        session.check_run(reader, run)
        if out is not None:
            session.write_atomically(out, lines(reader))
            note(f"wrote {out}")
            return
        for line in lines(reader):
            sys.stdout.buffer.write(line)
        sys.stdout.flush()
