"""People: what tasks ask is put to them, and what they say to the tasks; in a scenario, those that it gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from orchestrator.errors import PointsmanError, unwrapped
from orchestrator.inbox import Reply
from orchestrator.messages import Envelope
from orchestrator.orchestrator import Orchestrator
from orchestrator.topics import TASK_ASKED
from scenarios.given import Person
from scenarios.interview import PERSON, Interview
from scenarios.tape import Tape

_QUESTIONS: Final = 10_000
#: Returns what somebody says to a question, as it is on `task.asked`, once he says it.
Answering = Callable[[Envelope], Awaitable[Reply]]


@asynccontextmanager
async def answering(answer: Answering, orchestrator: Orchestrator) -> AsyncIterator[None]:
    """Have what tasks ask answered while the block runs.

    Raises:
        PointsmanError: if an answer is refused; and what `answer` raises.
    """
    asked = orchestrator.bus.subscribe(TASK_ASKED, maxsize=_QUESTIONS)

    async def hand_over(question: Envelope) -> None:
        reply = await answer(question)
        about = {"key": question.body["key"], "by": reply.by, "output": reply.output}
        await orchestrator.answer(question.correlation_id, reply.text, **about)

    async def listen() -> None:
        with _the_first():
            async with asyncio.TaskGroup() as group:
                while True:
                    question = await asked.receive()
                    asked.done()
                    group.create_task(hand_over(question), name=f"answers {question.correlation_id}")

    with unwrapped():
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listen(), name="people")
            try:
                yield
            finally:
                listening.cancel()


@contextmanager
def _the_first() -> Iterator[None]:
    """Raise the first of several errors: when one question is not answered, others of that moment need not be."""
    try:
        yield
    except BaseExceptionGroup as group:  # right: always raised again, cancellations too
        ours = all(isinstance(error, PointsmanError) for error in group.exceptions)
        raise (group.exceptions[0] if ours else group) from None


class Crowd:
    """The people of a scenario who have not answered yet, each with his time; and those on its cassette."""

    def __init__(self, people: Sequence[Person], tape: Tape | None = None) -> None:
        """Prepare; `tape` is that of a cassette, whose people answer what nobody is given to answer."""
        self._left, self._tape = list(people), tape

    async def answer(self, asked: Envelope) -> Reply:
        """Return what somebody says.

        Raises:
            PointsmanError: if nobody is given to answer, for the task would wait for ever.
        """
        person = self._choose(asked)
        if person is None and self._tape is not None and self._tape.holds(asked.correlation_id, PERSON):
            return await Interview(self._tape, _nobody, self._tape.redact).answer(asked)
        if person is None:
            return await _nobody(asked)
        await asyncio.sleep(person.takes_s)
        return Reply(person.answers, by=person.by, output=person.output)

    def _choose(self, asked: Envelope) -> Person | None:
        for person in self._left:
            if person.task == asked.correlation_id and person.key in ("", asked.body["key"]):
                self._left.remove(person)
                return person
        return None


async def _nobody(asked: Envelope) -> Reply:
    raise PointsmanError(
        f"task {asked.correlation_id!r} asks {asked.body['question']!r} and nobody answers; "
        f"add `people: [{{task: {asked.correlation_id}, answers: ...}}]` to `given`"
    )
