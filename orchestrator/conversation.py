"""The conversation: what an isolated handler wants of the run while it is at it, and what it is told.

Its process sends a value with a `want`: an effect, a read from outside, how one of these ended, the answer of a person,
or that it spent something, which it may also do before it says how one ended. The run does its part of
that as for any other handler, and answers; the process goes on when it has the answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from orchestrator.context import Parked, TaskContext
from orchestrator.errors import AgentError, BudgetExceededError, EffectInDoubtError, EffectNotDoneError, NotJsonError
from orchestrator.foreign import one_line
from orchestrator.frames import pack

#: Sends a frame to the process and returns what comes back.
Turn = Callable[[bytes], Awaitable[Mapping[str, Any]]]
WANT: Final = "want"
EFFECT: Final = "effect"
SETTLE: Final = "settle"
ASK: Final = "ask"
SPEND: Final = "spend"
READ: Final = "read"


class EndedError(Exception):
    """Raised where the handler ended instead of saying how its effect did; `answer` is its last one."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.answer = answer
        super().__init__(f"its handler ended first: {answer.get('error') or answer.get('cause', 'it answered')}")


class _RaisedThereError(Exception):
    """Raised here for what the function of an effect, or of a read, raised in its process, where it is raised again."""

    def __init__(self, text: str, fault: Mapping[str, Any]) -> None:
        self.fault = fault
        super().__init__(text)


class _NotDoneThereError(EffectNotDoneError, _RaisedThereError):
    """The same, where the effect surely did not take place."""


async def converse(frame: bytes, context: TaskContext, turn: Turn) -> Mapping[str, Any]:
    """Send the call of a handler to its process, do what it wants, and return its last answer.

    Raises:
        Parked: once the handler has ended, if it has to wait for a person, whatever it made of hearing so.
    """
    parked: Parked | None = None
    answer = await turn(frame)
    while WANT in answer:
        try:
            reply = await _fulfil(answer, context, turn)
        except EndedError as ended:
            answer = ended.answer
            break
        except Parked as waits:
            parked, reply = parked or waits, {"parked": True}
        answer = await turn(pack(reply))
    if parked is not None:
        raise parked
    return answer


async def _fulfil(wanted: Mapping[str, Any], context: TaskContext, turn: Turn) -> dict[str, Any]:
    """Do what is wanted, and return what the process is told."""
    try:
        if wanted[WANT] == EFFECT:
            return {"output": await _effect(wanted, context, turn)}
        if wanted[WANT] == READ:
            return {"output": await _read(wanted, context, turn)}
        if wanted[WANT] == ASK:
            return {"output": await context.people.ask(wanted["question"], wanted["options"], wanted["key"])}
        if wanted[WANT] == SPEND:
            return await _spend(wanted, context)
    except _RaisedThereError as error:
        return {"raised": error.fault}
    except EffectInDoubtError as error:
        return {"in_doubt": [error.effect, error.key]}
    except NotJsonError as error:
        return {"refused": one_line(error)}
    except AgentError as error:
        return {"gave_up": one_line(error)}
    return {"gave_up": f"there is no {wanted[WANT]!r} to be had"}


async def _spend(wanted: Mapping[str, Any], context: TaskContext) -> dict[str, Any]:
    try:
        await context.spend(tokens=wanted.get("tokens", 0), cost=wanted.get("cost", 0))
    except BudgetExceededError as error:
        return {"budget": error.shortage.to_json()}
    except AgentError as error:
        return {"gave_up": one_line(error)}
    return {"output": None}


async def _effect(wanted: Mapping[str, Any], context: TaskContext, turn: Turn) -> Any:
    """Perform an effect whose function is in the process: intended here, done there, recorded here."""

    async def function(key: str) -> Any:
        return await _done_there(key, context, turn)

    return await context.effects.perform(wanted["name"], function, wanted["key"], wanted["in_doubt"])


async def _read(wanted: Mapping[str, Any], context: TaskContext, turn: Turn) -> Any:
    """Answer a read whose function is in the process, where nobody here knows the answer."""

    async def function() -> Any:
        return await _done_there("", context, turn)

    return await context.outside.read(wanted["source"], wanted["request"], function, context.clock)


async def _done_there(key: str, context: TaskContext, turn: Turn) -> Any:
    outcome = await turn(pack({"do": key}))
    while outcome.get(WANT) == SPEND:
        outcome = await turn(pack(await _spend(outcome, context)))
    if outcome.get(WANT) != SETTLE:
        raise EndedError(outcome)
    if "raised" in outcome:
        raise (_NotDoneThereError if outcome["undone"] else _RaisedThereError)(outcome["raised"], outcome["fault"])
    return outcome["output"] if "output" in outcome else object()  # what is no JSON here either
