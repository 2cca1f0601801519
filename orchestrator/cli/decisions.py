"""`pointsman decisions`: who got which task, and how sure the router was."""

from __future__ import annotations

import datetime as dt
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, moment, note, print_json_line, show, table
from orchestrator.cli.judgement_view import view_word
from orchestrator.cli.options import AsJson, Run, SettingsFile, examples
from orchestrator.cli.records import Record, read_records
from orchestrator.shadow import disagrees

if TYPE_CHECKING:
    from rich.text import Text

    from orchestrator.judgement import Judgement

EXAMPLES = examples("pointsman decisions --since 2h --margin-below 0.1", "pointsman decisions --abstained --json")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def decisions(
    *,
    agent: Annotated[str, typer.Option("--agent", metavar="NAME", help="Only tasks that this agent got.")] = "",
    abstained: Annotated[bool, typer.Option("--abstained", help="Only where the router abstained.")] = False,
    disagree: Annotated[
        bool, typer.Option("--disagree", help="Only where the model in the shadow would have chosen otherwise.")
    ] = False,
    margin_below: Annotated[
        float | None, typer.Option("--margin-below", metavar="X", help="Only where the runner-up was nearer than this.")
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="A date (2026-01-31, UTC) or a time ago (90m, 2h, 3d).")
    ] = "",
    run: Run = "",
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="The last so many.")] = 50,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """List routing decisions from the journal; --json prints the full records as JSON Lines."""
    from orchestrator.judgement import read_judgements

    earliest = _parse_since(since)
    with session.open_journal(settings_file) as reader:
        session.check_run(reader, run)
        wanted = _select(read_records(reader, run=run), agent, margin_below, earliest, abstained=abstained)
        found = deque((one for one in wanted if not disagree or disagrees(one.decision)), maxlen=limit)
        said = {(one.run, one.task): one for one in read_judgements(reader.rows, run=run)}
    if as_json:
        for record in found:
            word = said.get((record.run, record.decision["task"]))
            print_json_line({**record.to_json(), **({} if word is None else {"judged": word.to_json()})})
    elif found:
        more = [title for title, shown in (("said", said), ("in the shadow", _any_shadow(found))) if shown]
        rows = ([*_row(one), *_more(one, more, said.get((one.run, one.decision["task"])))] for one in found)
        show(table(("time (UTC)", "task", "agent", ">sure", "ahead by, of", *more), rows))
    else:
        note("no decision in the journal is like that")


def _select(
    records: Iterable[Record], agent: str, margin_below: float | None, earliest: float, *, abstained: bool
) -> Iterator[Record]:
    for record in records:
        if record.at < earliest or (agent and record.chosen != agent) or (abstained and not record.reason):
            continue
        if margin_below is not None and record.decision.get("margin", float("inf")) >= margin_below:
            continue  # a pinned task has no margin: nobody else was asked
        yield record


def _row(record: Record) -> list[object]:
    decision = record.decision
    who = cell(record.chosen) if record.chosen else cell(f"nobody: {_why_nobody(record)}", "yellow")
    if decision["policy"] != "learned":
        who.append(f" ({decision['policy']})", "dim")
    sure = f"{decision['confidence']:.2f}" if "confidence" in decision else ""
    ahead = f"{decision['margin']:.3f} {decision['runner_up']}" if decision.get("runner_up") else ""
    return [moment(record.at)[5:], decision["task"], who, sure, ahead]


def _any_shadow(records: Iterable[Record]) -> bool:
    return any("shadow" in record.decision for record in records)


def _more(record: Record, columns: Iterable[str], word: Judgement | None) -> Iterator[Text]:
    """Yield what a journal holds of few decisions: what was said, and what the shadow would have done."""
    for column in columns:
        if column == "said":
            yield cell("") if word is None else view_word(word)
        elif "shadow" not in record.decision:
            yield cell("")
        else:
            shadow = record.decision["shadow"]
            style = "yellow" if disagrees(record.decision) else "dim"
            yield cell(f"{shadow['chosen'] or 'nobody'} ({shadow['confidence']:.2f})", style)


def _why_nobody(record: Record) -> str:
    if record.reason == "near-tie":
        return f"near-tie of {record.decision['leader']} and {record.decision['runner_up']}"
    return record.reason


def _parse_since(text: str) -> float:
    if not text:
        return 0.0
    ago = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if ago:
        from orchestrator.clock import SystemClock

        return SystemClock().now() - int(ago[1]) * _UNITS[ago[2]]
    try:
        date = dt.datetime.fromisoformat(text)
    except ValueError:
        problem = f"{text!r} is neither a date such as 2026-01-31 nor a time ago such as 90m, 2h, 3d"
        raise typer.BadParameter(problem, param_hint="--since") from None
    return (date if date.tzinfo else date.replace(tzinfo=dt.UTC)).timestamp()
