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

from orchestrator.blocking import at_once
from orchestrator.budget import Amount, Shortage
from orchestrator.clock import Clock, SystemClock
from orchestrator.context import ON_RECORD, InDoubt, Parked
from orchestrator.conversation import ASK, EFFECT, READ, SETTLE, SPEND, WANT
from orchestrator.errors import AgentError, BudgetExceededError, EffectInDoubtError, EffectNotDoneError, NotJsonError
from orchestrator.fault import Fault, keep, revive
from orchestrator.foreign import as_json, one_line
from orchestrator.frames import pack
from orchestrator.outside import Read, called, with_key
from orchestrator.turns import Wanted

_WITHIN: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("within", default="")


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
        self._refuse_within(f"effect {name!r}")
        wanted = {WANT: EFFECT, "name": name, "key": key, "in_doubt": in_doubt}
        return await self._do(wanted, f"effect {name!r}", function)

    async def read(self, source: str, request: Any, function: Read, clock: Clock) -> Any:  # noqa: ARG002 - the protocol's
        """Read something from outside; see `TaskContext.read`. What a read reads in its turn is part of it."""
        if _WITHIN.get():
            return await called(function, self.clock)
        return await self._do({WANT: READ, "source": source, "request": as_json(request)}, source, lambda _: function())

    async def _do(self, wanted: dict[str, Any], what: str, function: Callable[[str], Any]) -> Any:
        """Say what is wanted, and do it if the run says so."""
        async with self._turn:
            answer = self._say(wanted, what)
            if "do" in answer:
                within = _WITHIN.set(what)
                try:
                    output = await called(with_key(function, answer["do"]), self.clock)
                except Exception as error:  # right: recorded, and raised again
                    undone = isinstance(error, EffectNotDoneError)
                    raised = {"raised": one_line(error), "undone": undone, "fault": keep(error).to_json()}
                    self._say({WANT: SETTLE, **raised})
                    raise
                finally:
                    _WITHIN.reset(within)
                answer = self._say({WANT: SETTLE, **_as_output(output)})
            return _taken(answer)

    def _refuse_within(self, what: str) -> None:
        if _WITHIN.get():
            raise AgentError(f"{what} within {_WITHIN.get()}: one after the other")

    async def ask(self, question: str, options: Sequence[str], key: str) -> str:
        """Return the answer of a person; see `TaskContext.ask`."""
        self._refuse_within(f"question {question!r}")
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
    if "raised" in answer:  # in a replay, where nothing was done here
        raise revive(Fault.from_json(answer["raised"]))
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
