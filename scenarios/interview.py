"""The interview: what a run asks people counts as read from outside; its cassette keeps it, and answers in a replay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from orchestrator.inbox import Reply
from orchestrator.messages import Envelope
from scenarios.errors import RecordingError
from scenarios.tape import Redact, Tape

#: What people are called as a source of what is read.
PERSON: Final = "person"
#: Of a question as it is on `task.asked`, what it is known again by.
_REQUEST: Final = ("key", "question", "options", "effect")
#: Puts a question, as it is on `task.asked`, to a person, and returns what that says, however long it takes.
Ask = Callable[[Envelope], Awaitable[Reply]]


class Interview:
    """Answers the questions of a recorded run, or of its replay, each at a moment of its own."""

    def __init__(self, tape: Tape, ask: Ask, redact: Redact = lambda value: value) -> None:
        """Prepare.

        Args:
            tape: of the run: people are asked where it lets the world be asked.
            ask: asks them.
            redact: that of the tape. People who know a question from the journal answer with a redacted option.
        """
        self._tape, self._ask, self._redact = tape, ask, redact

    async def answer(self, asked: Envelope) -> Reply:
        """Return what a person says, or said when the run was recorded.

        Raises:
            CassetteError: if the tape asks nobody, and nothing of the kind was recorded.
        """

        async def function() -> dict[str, Any]:
            reply = await self._ask(asked)
            said = {"answer": reply.text, "by": reply.by}
            return said if reply.output is None else {**said, "output": reply.output}

        said = await self._tape.answer(asked.correlation_id, PERSON, request_of(asked), function)
        text = self._meant(said["answer"], asked.body["options"])
        return Reply(text, asked.body["key"], said["by"], said.get("output"))

    def _meant(self, text: str, options: Sequence[str]) -> str:
        if text in options:
            return text
        return next((option for option in options if self._redact(option) == text), text)


def request_of(asked: Envelope) -> dict[str, Any]:
    """Return what a question is known again by."""
    return {name: asked.body[name] for name in _REQUEST if name in asked.body}


async def refuse(asked: Envelope) -> Reply:
    """Refuse to ask anybody.

    Raises:
        RecordingError: always.
    """
    raise RecordingError(
        f"task {asked.correlation_id!r} asks people: {asked.body['question']!r}; what they say is in no cassette here, "
        "so give the one of a run that was recorded, or write a scenario with `given.people`"
    )
