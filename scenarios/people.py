"""People: those who are given answer what the tasks of a scenario ask, each after his time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from orchestrator.errors import PointsmanError, unwrapped
from orchestrator.messages import Envelope
from orchestrator.orchestrator import Orchestrator
from orchestrator.topics import TASK_ASKED
from scenarios.given import Person

_QUESTIONS: Final = 10_000


@asynccontextmanager
async def answering(people: Sequence[Person], orchestrator: Orchestrator) -> AsyncIterator[None]:
    """Let people answer while the block runs.

    Raises:
        PointsmanError: if a task asks what nobody is given to answer, for it would wait for ever; or an answer is
            refused.
    """
    crowd = _Crowd(people, orchestrator)
    with unwrapped():
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(crowd.listen(group), name="people")
            try:
                yield
            finally:
                listening.cancel()


class _Crowd:
    """The people who have not answered yet."""

    def __init__(self, people: Sequence[Person], orchestrator: Orchestrator) -> None:
        self._left, self._orchestrator = list(people), orchestrator
        self._asked = orchestrator.bus.subscribe(TASK_ASKED, maxsize=_QUESTIONS)

    async def listen(self, group: asyncio.TaskGroup) -> None:
        while True:
            asked = await self._asked.receive()
            self._asked.done()
            group.create_task(self._answer(self._choose(asked), asked), name=f"answers {asked.correlation_id}")

    def _choose(self, asked: Envelope) -> Person:
        for person in self._left:
            if person.task == asked.correlation_id and person.key in ("", asked.body["key"]):
                self._left.remove(person)
                return person
        raise PointsmanError(
            f"task {asked.correlation_id!r} asks {asked.body['question']!r} and nobody answers; "
            f"add `people: [{{task: {asked.correlation_id}, answers: ...}}]` to `given`"
        )

    async def _answer(self, person: Person, asked: Envelope) -> None:
        await asyncio.sleep(person.takes_s)
        key = asked.body["key"]
        await self._orchestrator.answer(person.task, person.answers, key=key, by=person.by, output=person.output)
