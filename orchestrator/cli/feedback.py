"""`pointsman feedback`: say whether a task went to the right agent; or list what was said."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, moment, note, print_json, show, table
from orchestrator.cli.judgement_view import view_word
from orchestrator.cli.options import AsJson, Run, SettingsFile, examples

if TYPE_CHECKING:
    from rich.text import Text

    from orchestrator.journal import JournalReader
    from orchestrator.judgement import Judgement
    from orchestrator.settings import Settings

EXAMPLES = examples(
    "pointsman feedback decide --right",
    "pointsman feedback find-remedy --wrong --should-be log-sentinel --note 'it asks for a log'",
    "pointsman feedback --data said.jsonl",
    "pointsman feedback --list",
)


def feedback(
    task: Annotated[
        str | None, typer.Argument(metavar="TASK", help="Id of the task; the latest run that has it.")
    ] = None,
    *,
    right: Annotated[
        bool | None, typer.Option("--right/--wrong", help="Whether it went to the right agent.", show_default=False)
    ] = None,
    should_be: Annotated[
        str, typer.Option("--should-be", metavar="AGENT", help="Who should have got it, where you know.")
    ] = "",
    remark: Annotated[str, typer.Option("--note", metavar="TEXT", help="Anything, for those who read it.")] = "",
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE", help='JSON Lines of {"task", "right", "should_be", "note", "run"}.'),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List what was said.")] = False,
    run: Run = "",
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Say of a task whether it went to the right agent; `pointsman learn` learns from it."""
    if (task is not None) + (data is not None) + listed != 1:
        raise typer.BadParameter("give one of TASK, --data FILE and --list", param_hint="TASK")
    if task is None and (right is not None or should_be or remark):
        raise typer.BadParameter("this is said of one task; name it", param_hint="--right, --wrong, --should-be")
    if task is not None and right is None and not should_be:
        raise typer.BadParameter("say whether it went to the right agent", param_hint="--right or --wrong")
    settings = session.open_settings(settings_file)
    with session.open_journal(settings_file) as reader:
        session.check_run(reader, run)
        if listed:
            _list(reader, run, as_json=as_json)
            return
        said = _judge_all(reader, settings, _words(task, run, data, right=right, should_be=should_be, remark=remark))
    _put_on_record(settings, said)
    if as_json:
        print_json([judgement.to_json() for judgement in said])
    elif data is not None:
        from orchestrator.learning import tally

        show(cell(f"{len(said)} decisions judged: {tally(said)}", "green"))
    else:
        show(_line(said[0]))


def _words(
    task: str | None, run: str, data: Path | None, *, right: bool | None, should_be: str, remark: str
) -> list[dict[str, Any]]:
    """Return what is to be said, an object for each task."""
    from orchestrator.said import read_said

    if data is not None:
        return [{"run": run, **said} for said in read_said(data)]
    return [{"task": task, "run": run, "right": right, "should_be": should_be, "note": remark}]


def _judge_all(reader: JournalReader, settings: Settings, said: list[dict[str, Any]]) -> list[Judgement]:
    """Judge every task, or none if one is refused."""
    from orchestrator.judgement import Said, judge

    known: Collection[str] = ()
    if any(one["should_be"] for one in said):
        known = [agent.card.name for agent in session.installed_agents(settings)]
    return [
        judge(reader.rows, one["task"], one["run"], Said(one["right"], one["should_be"], one["note"]), known)
        for one in said
    ]


def _put_on_record(settings: Settings, said: list[Judgement]) -> None:
    from orchestrator.postscript import Entry, append
    from orchestrator.topics import TASK_JUDGED

    append(settings, [Entry(one.run, TASK_JUDGED, one.to_json(), one.task, one.cause) for one in said])


def _list(reader: JournalReader, run: str, *, as_json: bool) -> None:
    from orchestrator.judgement import read_judgements, standing

    said = read_judgements(reader.rows, run=run)
    last = {judgement.sequence for judgement in standing(said)}
    if as_json:
        stands = [(judgement, judgement.sequence in last) for judgement in said]
        where = [{"sequence": one.sequence, "at": one.at, "stands": valid} for one, valid in stands]
        print_json([{**place, **one.to_json()} for place, one in zip(where, said, strict=True)])
    elif said:
        rows = (
            (moment(one.at)[5:], one.task, one.agent or "nobody", view_word(one), "" if one.sequence in last else "yes")
            for one in said
        )
        show(table(("time (UTC)", "task", "went to", "said", "replaced"), rows))
    else:
        note("nothing was said yet; say it with `pointsman feedback TASK --right` or `--wrong`")


def _line(judgement: Judgement) -> Text:
    line = cell(judgement.task, "bold").append(" → ", "dim").append_text(cell(judgement.agent or "nobody", "cyan"))
    return line.append(": ").append_text(view_word(judgement)).append_text(cell(f"; run {judgement.run}", "dim"))
