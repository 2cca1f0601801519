"""`pointsman import`: other people's records made runs of the journal, or scenarios."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, print_json, show
from orchestrator.cli.options import AsJson, SettingsFile, examples

if TYPE_CHECKING:
    from orchestrator.messages import Envelope

app = typer.Typer(
    help="Make runs or scenarios of other people's records.",
    epilog=examples(
        "pointsman import xes log.xes.gz --run march", "pointsman import gherkin payments.feature --out uat"
    ),
    no_args_is_help=True,
)

File: TypeAlias = Annotated[Path, typer.Argument(metavar="FILE", help="What to read.")]
RunId: TypeAlias = Annotated[
    str, typer.Option("--run", metavar="ID", help="Id of the run; made of the file's name if not given.")
]


@app.command(epilog=examples("pointsman import xes log.xes", "pointsman import xes log.xes.gz --run march"))
def xes(file: File, *, run: RunId = "", settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Put an event log (IEEE 1849) into the journal: a task for each case; `export xes` gives the same log again."""
    from scenarios.exchange.xes import rows_of_log

    _import(file, run, settings_file, rows_of_log, as_json=as_json)


@app.command(epilog=examples("pointsman import otel traces.json", "pointsman import otel traces.jsonl --run march"))
def otel(file: File, *, run: RunId = "", settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Put traces (OTLP/JSON) into the journal: a task for each trace, a row for each span."""
    from scenarios.exchange.otlp import rows_of_traces

    _import(file, run, settings_file, rows_of_traces, as_json=as_json)


@app.command(epilog=examples("pointsman import jsonl run.jsonl"))
def jsonl(file: File, *, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Put the rows of an exported journal into this one, under their own runs and byte for byte."""
    from scenarios.exchange.journal import read_rows, runs_in, write_run

    journal = session.open_settings(settings_file).journal
    made = {run: write_run(journal, run, (row for _, row in read_rows(file, run))) for run in runs_in(file)}
    _report(made, as_json=as_json)


@app.command(epilog=examples("pointsman import gherkin payments.feature --out uat"))
def gherkin(
    file: File,
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the scenarios; made if it is not there.")
    ] = Path(),
    as_json: AsJson = False,
) -> None:
    """Write the scenarios of a feature file as skeletons, which load; a file that is there is never written over."""
    from orchestrator.errors import PointsmanError
    from scenarios.exchange.gherkin import file_name, read_feature, skeleton
    from scenarios.loader import load_scenarios

    taken: set[str] = set()
    texts = {out / file_name(story, taken): skeleton(story, file) for story in read_feature(file)}
    there = [str(path) for path in texts if path.exists()]
    if there:
        raise PointsmanError(f"{', '.join(there)}: there already; move it, or give another --out")
    out.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        session.write_atomically(path, [text.encode()])
        load_scenarios(path)
    if as_json:
        print_json({"scenarios": [str(path) for path in texts]})
    else:
        show(*(cell(f"wrote {path}") for path in texts))


def _import(
    file: Path, run: str, settings_file: Path | None, read: Callable[[Path], Iterable[Envelope]], *, as_json: bool
) -> None:
    """Read a file twice: what is refused somewhere leaves nothing in the journal."""
    from scenarios.exchange.journal import write_run

    for _ in read(file):
        pass
    name = run or re.sub(r"[^A-Za-z0-9._-]+", "-", file.name.split(".")[0]) or "imported"
    rows = write_run(session.open_settings(settings_file).journal, name, read(file))
    _report({name: rows}, as_json=as_json)


def _report(made: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json({"runs": [{"run": run, "rows": rows} for run, rows in made.items()]})
    else:
        show(*(cell(f"run {run}: {rows} rows") for run, rows in made.items()))
