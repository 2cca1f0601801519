"""The inbox: which questions wait for a person, and whether something can be said to one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from orchestrator.bus import Bus
from orchestrator.clock import utc
from orchestrator.documents import suggest
from orchestrator.errors import AnswerError
from orchestrator.journal import Journal, Row, Select, check_json, reading
from orchestrator.messages import Envelope
from orchestrator.questions import Answer, Asked, answer_of, asked_of
from orchestrator.topics import (
    AGENT_REGISTERED,
    ENDINGS,
    TASK_ABSTAINED,
    TASK_ANSWERED,
    TASK_ASKED,
    TASK_ROUTED,
    TASK_STARTED,
    TASK_SUBMITTED,
)

# After any of these a question no longer waits.
_MOVED_ON: Final = (TASK_ROUTED, TASK_STARTED, *ENDINGS)


class Reply(NamedTuple):
    """What somebody says to a question.

    Attributes:
        text: the answer.
        key: of the question; empty for the one that waits.
        by: who says so; may be empty.
        output: what came of an effect in doubt that took place.
    """

    text: str
    key: str = ""
    by: str = ""
    output: Any = None

    def to_json(self, key: str) -> dict[str, Any]:
        """Return the body of an envelope on `task.answered`."""
        body = {"key": key, "answer": self.text, "by": self.by}
        return body if self.output is None else {**body, "output": self.output}


class Posed(NamedTuple):
    """A question of a task: whether it still waits, and what was said to it, if anything."""

    run: str
    task: str
    asked: Asked
    waits: bool
    answer: Answer | None = None

    @property
    def kind(self) -> str:
        """What it is about: an `effect` in doubt, the `agent` who is to do it, or else a `question` of its agent."""
        if self.asked.question.effect:
            return "effect"
        return "agent" if self.asked.decision is not None else "question"

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        question = self.asked.question
        about = {"run": self.run, "task": self.task, "key": question.key, "kind": self.kind, "agent": self.asked.agent}
        return {
            **about,
            "question": question.text,
            "options": list(question.options),
            "effect": question.effect,
            "since": self.asked.at,
            "waits": self.waits,
        }


def open_questions(select: Select, run: str = "") -> list[Posed]:
    """Return the questions that wait for an answer, of one run only where it is given, the oldest first."""
    tasks = dict.fromkeys((row.run, row.envelope.correlation_id) for row in select(run=run, topics=(TASK_ASKED,)))
    found = (last_question(list(select(run=name, task=task))) for name, task in tasks)
    return sorted((one for one in found if one is not None and one.waits), key=lambda one: one.asked.at)


def ended_unasked(select: Select, run: str = "") -> Iterator[Row]:
    """Yield the ends of tasks on which the router abstained and nobody was asked: for people to know of."""
    for row in select(run=run, topics=(TASK_ABSTAINED,)):
        if row.envelope.id.isdecimal() and not row.envelope.causation_id.startswith("x"):
            yield row


def last_question(rows: list[Row]) -> Posed | None:
    """Return the last question of a task, given all its rows; None if it never asked anything."""
    posed: Posed | None = None
    for row in rows:
        envelope = row.envelope
        if envelope.topic == TASK_ASKED:
            posed = Posed(row.run, envelope.correlation_id, asked_of(envelope), waits=True)
        elif posed is not None and envelope.topic == TASK_ANSWERED and posed.answer is None:
            if envelope.causation_id == posed.asked.id:
                posed = posed._replace(waits=False, answer=answer_of(envelope))
        elif posed is not None and envelope.topic in _MOVED_ON:
            posed = posed._replace(waits=False)
    return posed


def check_reply(select: Select, task: str, run: str, reply: Reply) -> Posed:
    """Return the question of a task that somebody answers.

    Args:
        select: reads the journal.
        task: its id.
        run: the run that it belongs to; empty for the latest that has it.
        reply: what is said.

    Raises:
        AnswerError: if there is no such task, it asks nothing, or this is no answer to what it asks.
        NotJsonError: if the output cannot be recorded.
    """
    rows = list(select(run=run, task=task))
    if not rows:
        known = {row.envelope.correlation_id for row in select(run=run, topics=(TASK_SUBMITTED,))}
        where = f"run {run!r}" if run else "the journal"
        raise AnswerError(task, f"it is not in {where}; {suggest(task, known)}")
    rows = [row for row in rows if row.run == rows[-1].run]
    posed = last_question(rows)
    if posed is None:
        raise AnswerError(task, "it asks nothing; `pointsman inbox` lists what waits for an answer")
    _check(posed, rows, reply, select)
    check_json(reply.to_json(posed.asked.question.key), f"the answer to task {task!r}")
    return posed


def refuse_second(select: Select, posed: Posed, id: str) -> None:  # noqa: A002 - of the envelope
    """Pass an answer that is on record if it was the first one to its question.

    Raises:
        AnswerError: if somebody else answered in the same moment, and was first.
    """
    rows = select(run=posed.run, task=posed.task, topics=(TASK_ANSWERED,))
    first = next(row.envelope for row in rows if row.envelope.causation_id == posed.asked.id)
    if first.id != id:
        raise _answered(posed._replace(answer=answer_of(first)))


async def record_reply(bus: Bus, journal: Journal, run: str, task: str, reply: Reply) -> Envelope:
    """Put an answer to a task of a running orchestrator on record; return once that is safe.

    Raises:
        AnswerError: as `check_reply` and `refuse_second`.
    """
    await journal.sync()
    with reading(journal) as select:
        posed = check_reply(select, task, run, reply)
    envelope = await bus.publish(TASK_ANSWERED, reply.to_json(posed.asked.question.key), task, posed.asked.id)
    await journal.sync()
    with reading(journal) as select:
        refuse_second(select, posed, envelope.id)
    return envelope


def _check(posed: Posed, rows: list[Row], reply: Reply, select: Select) -> None:
    asked, question = posed.asked, posed.asked.question
    if reply.key and reply.key != question.key:
        raise AnswerError(posed.task, f"it asks under the key {question.key!r}, not {reply.key!r}")
    if posed.answer is not None:
        raise _answered(posed)
    if not posed.waits:
        ended = next((ENDINGS[row.envelope.topic] for row in rows if row.envelope.topic in ENDINGS), "")
        raise AnswerError(posed.task, f"it ended as {ended}" if ended else "it no longer waits for an answer")
    options = set(question.options)
    if asked.decision is not None:
        options |= {row.envelope.body["agent"] for row in select(run=posed.run, topics=(AGENT_REGISTERED,))}
    if options and reply.text not in options:
        raise AnswerError(posed.task, f"{reply.text!r} is none of its options; {suggest(reply.text, options)}")
    if not reply.text.strip():
        raise AnswerError(posed.task, "the answer is empty; say something")
    if reply.output is not None and not (question.effect and reply.text == "yes"):
        raise AnswerError(posed.task, "an output goes only with a `yes` to whether an effect took place")


def _answered(posed: Posed) -> AnswerError:
    answer = posed.answer
    if answer is None:
        raise ValueError("nobody has answered")
    who = answer.by or "somebody"
    return AnswerError(
        posed.task, f"{who} answered {answer.text!r} at {utc(answer.at)} already; the first answer counts"
    )
