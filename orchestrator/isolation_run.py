"""The isolation's run: the run as an isolated handler sees it, asked over the connection of its process."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any, Final

from orchestrator.blocking import Wanted, at_once
from orchestrator.budget import Amount, Shortage
from orchestrator.clock import Clock, SystemClock
from orchestrator.context import ON_RECORD, InDoubt, Parked
from orchestrator.conversation import ASK, EFFECT, SETTLE, SPEND, WANT
from orchestrator.errors import AgentError, BudgetExceededError, EffectInDoubtError, EffectNotDoneError, NotJsonError
from orchestrator.foreign import as_json, one_line
from orchestrator.frames import pack
from orchestrator.outside import called, with_key

_WITHIN: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("effect", default="")


class Run:
    """Has effects recorded, and asks people, one at a time: the whole process waits for the run's answer.

    Attributes:
        clock: of the call that is under way.
        calls: how many are over.
    """

    def __init__(self, channel: socket.socket, answers: queue.SimpleQueue[dict[str, Any]]) -> None:
        self._channel, self._answers = channel, answers
        self._turn, self._thread = asyncio.Lock(), threading.RLock()
        self.clock: Clock = SystemClock()
        self.calls = 0

    async def perform(self, name: str, function: Callable[[str], Any], key: str, in_doubt: InDoubt) -> Any:
        """Perform an effect, or return its receipt; see `TaskContext.effect`."""
        if _WITHIN.get():
            raise AgentError(f"effect {name!r} within effect {_WITHIN.get()!r}: perform one after the other")
        async with self._turn:
            answer = self._say({WANT: EFFECT, "name": name, "key": key, "in_doubt": in_doubt}, f"effect {name!r}")
            if "do" in answer:
                within = _WITHIN.set(name)
                try:
                    output = await called(with_key(function, answer["do"]), self.clock)
                except Exception as error:  # right: recorded, and raised again
                    undone = isinstance(error, EffectNotDoneError)
                    self._say({WANT: SETTLE, "raised": one_line(error), "undone": undone})
                    raise
                finally:
                    _WITHIN.reset(within)
                answer = self._say({WANT: SETTLE, **_as_output(output)})
            return _taken(answer)

    async def ask(self, question: str, options: Sequence[str], key: str) -> str:
        """Return the answer of a person; see `TaskContext.ask`."""
        if _WITHIN.get():
            raise AgentError(f"question {question!r} within effect {_WITHIN.get()!r}: ask before it")
        listed = options if isinstance(options, str) else list(options)
        wanted = {WANT: ASK, "question": question, "options": listed, "key": key}
        async with self._turn:
            said: str = _taken(self._say(wanted, "a question"))
        return said

    def spend(self, call: int, amount: Amount) -> Awaitable[None]:
        """Have counted what a call spent, and return once it is on record; see `TaskContext.spend`.

        Raises:
            AgentError: if the call is over: a thread of the handler's own has outlived it.
        """
        with self._thread:
            if call != self.calls:
                raise AgentError("the attempt is over; nothing can be spent for it any more")
            _taken(self._say({WANT: SPEND, **amount.to_json()}))
        return ON_RECORD

    def answer(self, frame: bytes) -> None:
        """Send the answer to the call that is under way: it is over then."""
        with self._thread:
            self.calls += 1
            self._channel.sendall(frame)

    def wait(self, make: Wanted) -> Any:
        """Return or raise what something does: the process has nothing else to do, nor have threads of the handler."""
        with self._thread:
            return at_once(make)

    def _say(self, value: dict[str, Any], what: str = "") -> dict[str, Any]:
        try:
            frame = pack(value)
        except TypeError as error:
            raise AgentError(f"{what} is no JSON: {error}") from None
        with self._thread:
            self._channel.sendall(frame)
            return self._answers.get()


def _as_output(output: Any) -> dict[str, Any]:
    try:
        return {"output": as_json(output)}
    except NotJsonError:
        return {}


def _taken(answer: dict[str, Any]) -> Any:
    """Return what the run said, or raise it."""
    if "parked" in answer:
        raise Parked(SimpleNamespace(text="it waits for a person"))
    if "budget" in answer:
        raise BudgetExceededError(Shortage.from_json(answer["budget"]))
    if "in_doubt" in answer:
        raise EffectInDoubtError(*answer["in_doubt"])
    if "refused" in answer:
        raise NotJsonError(answer["refused"])
    if "gave_up" in answer:
        raise AgentError(answer["gave_up"])
    return answer["output"]
