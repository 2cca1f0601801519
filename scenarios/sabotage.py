"""Sabotage: lets the faults of a scenario strike the calls of its agents, and notes each that did."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from orchestrator.agent import Agent
from orchestrator.bus import Bus
from orchestrator.causes import Cause
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError, AttemptError, PointsmanError
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Task
from orchestrator.stand_in import Die, Handle
from orchestrator.topics import FAULT_INJECTED, TASK_STARTED
from scenarios.faults import (
    AnyFault,
    CrashFault,
    DelayFault,
    DropFault,
    DuplicateFault,
    ErrorFault,
    ReorderFault,
    SlowFault,
)


class InjectedError(PointsmanError):
    """Raised into an attempt by a fault of kind `error`; the attempt may be repeated."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that struck: which of the scenario's, from 0, and at which call; `at_s` is the virtual time."""

    fault: int
    kind: str
    agent: str
    task: str
    attempt: int
    call: int
    at_s: float

    @property
    def words(self) -> str:
        """One line for a report."""
        return (
            f"{self.kind} at {self.agent}, task {self.task}, attempt {self.attempt}, call {self.call}, {self.at_s:g} s"
        )


@dataclass(slots=True)
class _Held:
    """A call that waits to be overtaken."""

    call: int
    overtaken: asyncio.Event


class Sabotage:
    """The faults of one run of a scenario.

    Attributes:
        strikes: what struck, in order.
    """

    def __init__(self, faults: Sequence[AnyFault], journal: MemoryJournal) -> None:
        self.strikes: list[Strike] = []
        self._faults, self._journal = tuple(faults), journal
        self._vain = set(range(len(faults)))
        self._calls: dict[str, int] = {}
        self._held: list[tuple[str, _Held]] = []
        self._bus: Bus | None = None

    def prepare(self, agents: Iterable[Agent]) -> list[Agent]:
        """Return the agents, those that faults name under sabotage.

        Raises:
            PointsmanError: if a fault would have no effect at an agent in a process of its own.
        """
        named = {fault.agent for fault in self._faults}
        made = [_Victim(agent, self) if agent.card.name in named else agent for agent in agents]
        for fault in self._faults:
            if isinstance(fault, SlowFault) and not fault.wait_s:
                _refuse_timeless(fault, made)
        return made

    def begin(self, bus: Bus) -> None:
        """Put what strikes on record from now on."""
        self._bus = bus

    def in_vain(self) -> list[str]:
        """Return the faults that had no effect, in words: whoever states one wants to see it survived."""
        return [
            f"fault {self._faults[index].words}: it never took place; {self._why_not(self._faults[index])}"
            for index in sorted(self._vain)
        ]

    # -- one call ----------------------------------------------------------------------------------------------------

    async def call(self, name: str, handle: Handle, task: Task, context: TaskContext, die: Die) -> Any:
        """Make a call of an agent, with all that strikes it: what the file states first is outermost."""
        number = self._calls[name] = self._calls.get(name, 0) + 1
        for index, fault in reversed(tuple(enumerate(self._faults))):
            if fault.strikes(name, task.id, context.attempt, number):
                handle = partial(self._strike, index, number, handle, die)
        try:
            return await handle(task, context)
        finally:
            self._let_go(name, number)

    async def _strike(self, index: int, call: int, handle: Handle, die: Die, task: Task, context: TaskContext) -> Any:
        fault = self._faults[index]
        await self._note(Strike(index, fault.kind, fault.agent, task.id, context.attempt, call, _time()))
        if not isinstance(fault, ReorderFault):
            self._vain.discard(index)
        match fault:
            case ErrorFault():
                raise AgentError(fault.error) if fault.final else InjectedError(fault.error)
            case DelayFault():
                await asyncio.sleep(fault.wait_s)
                return await handle(task, context)
            case SlowFault():
                return await _slowly(fault, partial(handle, task, context))
            case DropFault():
                return await _lose(partial(handle, task, context))
            case DuplicateFault():
                return await _twice(handle, task, context)
            case ReorderFault():
                await self._hold(index, fault, call)
                return await handle(task, context)
            case CrashFault():
                return await _crash(fault, partial(handle, task, context), die)

    async def _hold(self, index: int, fault: ReorderFault, call: int) -> None:
        held = _Held(call, asyncio.Event())
        self._held.append((fault.agent, held))
        try:
            async with asyncio.timeout(fault.wait_s):
                await held.overtaken.wait()
            self._vain.discard(index)
        except TimeoutError:
            return
        finally:
            self._held.remove((fault.agent, held))

    def _let_go(self, name: str, ended: int) -> None:
        for agent, held in self._held:
            if agent == name and held.call < ended:
                held.overtaken.set()

    async def _note(self, strike: Strike) -> None:
        self.strikes.append(strike)
        if self._bus is None:
            return
        body = {name: getattr(strike, name) for name in ("fault", "kind", "agent", "attempt", "call")}
        began = (row.envelope for row in reversed(self._journal.rows) if row.envelope.topic == TASK_STARTED)
        cause = next((row.id for row in began if row.correlation_id == strike.task), "")
        await self._bus.publish(FAULT_INJECTED, body, strike.task, cause)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _why_not(self, fault: AnyFault) -> str:
        if any(self._faults[strike.fault] is fault for strike in self.strikes):
            return "the call waited, and none overtook it"
        return f"{fault.agent} was called {self._calls.get(fault.agent, 0)} times"


class _Victim:
    """An agent whose calls faults strike, in a process of its own as well."""

    def __init__(self, agent: Agent, sabotage: Sabotage) -> None:
        self.card, self.stands_for, self._sabotage = agent.card, agent, sabotage

    async def handle(self, task: Task, context: TaskContext) -> Any:
        """Do what the agent does, as far as faults let it."""
        return await self._sabotage.call(self.card.name, self.stands_for.handle, task, context, _lives_on)

    def around(self, handle: Handle, die: Die) -> Handle:
        """Let faults strike a call whose handler is in another process."""

        async def call(task: Task, context: TaskContext) -> Any:
            return await self._sabotage.call(self.card.name, handle, task, context, die)

        return call


def _lives_on(_answered: bool) -> None:  # noqa: FBT001 - `Die`
    """Do nothing: the process of the run does not end."""


def _refuse_timeless(fault: SlowFault, agents: Iterable[Agent]) -> None:
    for agent in agents:
        policy = agent.card.policy
        if agent.card.name == fault.agent and policy is not None and policy.isolation == "process":
            raise PointsmanError(
                f"fault {fault.words}: a call to a process of its own takes no virtual time, and many times none is "
                "none; say how much longer with `wait_s`"
            )


async def _slowly(fault: SlowFault, handle: Callable[[], Awaitable[Any]]) -> Any:
    begun = _time()
    answer = await handle()
    await asyncio.sleep((_time() - begun) * (fault.factor - 1) + fault.wait_s)
    return answer


async def _twice(handle: Handle, task: Task, context: TaskContext) -> Any:
    answer = await handle(task, context)
    with suppress(Exception):  # right: nobody waits for the second answer, nor hears why there is none
        await handle(task, context._replace(added=[], drawn_from=[]))
    return answer


async def _lose(handle: Callable[[], Awaitable[Any]]) -> Any:
    await handle()
    return await asyncio.get_running_loop().create_future()  # until the attempt's own deadline


async def _crash(fault: CrashFault, handle: Callable[[], Awaitable[Any]], die: Die) -> NoReturn:
    ending, answered = asyncio.timeout(fault.after_s), False
    try:
        async with ending:
            await handle()
            answered = True
    except TimeoutError:
        if not ending.expired():
            raise
    die(answered)
    raise AttemptError(Cause.CRASH, "the agent's process ended: a fault of the scenario")


def _time() -> float:
    return asyncio.get_running_loop().time()
