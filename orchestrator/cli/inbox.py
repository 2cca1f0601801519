"""`pointsman inbox` and `pointsman answer`: what waits for people, and what they say to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, moment, note, print_json, shorten, show, table
from orchestrator.cli.options import AsJson, Run, SettingsFile, examples

if TYPE_CHECKING:
    from orchestrator.inbox import Posed, Reply
    from orchestrator.journal import JournalReader, Row
    from orchestrator.settings import Settings

INBOX_EXAMPLES = examples("pointsman inbox", "pointsman inbox --run 20261125T224930-3f1a --json")
ANSWER_EXAMPLES = examples(
    "pointsman answer pay-acme yes",
    "pointsman answer send-mail yes --output '{\"id\": 7}'",
    "pointsman answer strange-request sql-checker --by 'Ann'",
)


def inbox(*, run: Run = "", settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """List what waits for a person: questions of agents, effects in doubt, requests that the router abstained on.

    Tasks that ended because the router abstained and nobody was to be asked are listed as well, as `ended`.
    """
    from orchestrator.inbox import ended_unasked, open_questions

    with session.open_journal(settings_file) as reader:
        session.check_run(reader, run)
        waiting, ended = open_questions(reader.rows, run), list(ended_unasked(reader.rows, run))
    if as_json:
        print_json([*(one.to_json() for one in waiting), *map(_ended_object, ended)])
        return
    if waiting or ended:
        rows = [*map(_row, waiting), *map(_ended_row, ended)]
        show(table(("since (UTC)", "run", "task", "key", "who asks", "question", "options"), rows))
    if waiting:
        note("answer with `pointsman answer TASK ANSWER`")
    else:
        note("nothing waits for an answer")


def answer(
    task: Annotated[str, typer.Argument(metavar="TASK", help="Id of the task; the latest run that has it.")],
    text: Annotated[str, typer.Argument(metavar="ANSWER", help="One of the options of its question.")],
    *,
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="Only if the question bears this key.")] = "",
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so; the user's name if not given.")] = "",
    output: Annotated[
        str, typer.Option("--output", metavar="JSON", help="What came of an effect in doubt, with `yes`.")
    ] = "",
    run: Run = "",
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Answer what a task asks. The process that runs or records it goes on by itself; else `pointsman resume` does.

    The first answer counts; a later one exits with 1 and says who gave which answer when.
    """
    from orchestrator.inbox import Reply, check_reply

    reply = Reply(text, key, by or os.environ.get("USER", ""), _parsed(output) if output else None)
    settings = session.open_settings(settings_file)
    with session.open_journal(settings_file) as reader:
        session.check_run(reader, run)
        posed = check_reply(reader.rows, task, run, reply)
        body = reply.to_json(posed.asked.question.key)
        at = _deliver(settings, posed, reply) or _put_on_record(settings, reader, posed, body)
    if as_json:
        print_json({"run": posed.run, "task": task, "at": at, **body})
        return
    line = cell(task, "bold").append(": ").append_text(cell(text, "green")).append(" ")
    show(line.append_text(cell(f"to {shorten(posed.asked.question.text, 80)}", "dim")))
    note(f"if no process is at it: pointsman resume {posed.run}")


def _deliver(settings: Settings, posed: Posed, reply: Reply) -> float:
    """Give an answer to the process that records the run, the only one that writes its rows; 0 where none does."""
    from orchestrator.clock import SystemClock
    from scenarios.cabinet import cassette_of
    from scenarios.mailbox import deliver

    cassettes = cassette_of(settings, posed.run).parent
    return SystemClock().now() if deliver(cassettes, posed.run, posed.task, posed.asked.id, reply) else 0.0


def _put_on_record(settings: Settings, reader: JournalReader, posed: Posed, body: dict[str, Any]) -> float:
    from orchestrator.inbox import refuse_second
    from orchestrator.postscript import Entry, append
    from orchestrator.topics import TASK_ANSWERED

    (said,) = append(settings, [Entry(posed.run, TASK_ANSWERED, body, posed.task, posed.asked.id)])
    refuse_second(reader.rows, posed, said.id)
    return said.at


def _parsed(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no JSON: {error}", param_hint="--output") from None


def _row(posed: Posed) -> list[object]:
    question = posed.asked.question
    who = {"agent": "the router", "effect": f"{posed.asked.agent} (in doubt)"}.get(posed.kind, posed.asked.agent)
    options = ", ".join(question.options) or "any text"
    about = (moment(posed.asked.at)[5:], posed.run, posed.task, question.key)
    return [*about, who, shorten(question.text, 200), shorten(options, 60)]


def _ended_row(row: Row) -> list[object]:
    envelope = row.envelope
    said = shorten(envelope.body.get("error", ""), 200)
    return [moment(envelope.at)[5:], row.run, envelope.correlation_id, "", cell("ended", "dim"), said, ""]


def _ended_object(row: Row) -> dict[str, Any]:
    envelope = row.envelope
    about = {"run": row.run, "task": envelope.correlation_id, "kind": "abstained", "since": envelope.at}
    return {**about, "question": envelope.body.get("error", ""), "options": [], "waits": False}
