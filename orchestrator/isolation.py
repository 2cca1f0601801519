"""Isolation: owns the processes in which one agent's handler runs."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from orchestrator.agent import Agent
from orchestrator.alarm import Alarm
from orchestrator.budget import Shortage
from orchestrator.call_frame import frame_of
from orchestrator.causes import Cause, no_answer
from orchestrator.clock import VirtualClock, stopwatch
from orchestrator.context import TaskContext
from orchestrator.conversation import WANT, converse
from orchestrator.errors import AgentError, AttemptError, BudgetExceededError, CardError, NotJsonError, PointsmanError
from orchestrator.frames import pack
from orchestrator.isolated_process import START_S, IsolatedProcess, too_large
from orchestrator.messages import Task
from orchestrator.policy import Policy
from orchestrator.starts import Starts
from orchestrator.whereabouts import whereabouts

_MB: Final = 1_000_000
_STAYS: Final = frozenset({Cause.RAISED, Cause.GAVE_UP, Cause.REFUSED, Cause.TOO_LARGE, Cause.BUDGET})

#: Of a process that ended, or had to be ended.
_DEATHS: Final = frozenset({Cause.CRASH, Cause.TIMEOUT, Cause.CPU, Cause.OUT_OF_MEMORY})


def refuse_lost(agent: Agent, policy: Policy) -> None:
    """Refuse an agent that should run in a process of its own and cannot.

    Raises:
        CardError: if no other process would find it, or the system has no processes of this kind.
    """
    if policy.isolation == "process":
        if not hasattr(os, "waitid"):
            raise CardError(agent.card.name, 'isolation="process" needs Linux; run it in the process of the run')
        whereabouts(agent)


class Isolation:
    """Runs one agent's handler in processes, one for each attempt at the same time, kept warm between attempts.

    Each is spawned, never forked; only JSON goes in and comes out. An attempt that was cut off, cancelled, or ended
    its process takes the process with it, all that this started included; the next one gets a new one. Blocking calls
    wait in threads of our own, so that hung handlers keep nobody else's `def` waiting; in virtual time they run
    on the loop's thread and take no virtual time, as all blocking functions do.
    """

    def __init__(
        self, agent: Agent, policy: Policy, starts: Starts, on_death: Callable[[], None], alarm: Alarm
    ) -> None:
        """Start nothing yet.

        Args:
            agent: whose handler.
            policy: of the agent.
            starts: of all processes of the run; they take turns.
            on_death: hears, in the loop, of each attempt that ended its process.
            alarm: hears of what fails in a thread that nobody waits for.
        """
        self._name, self._digest, self._starts = agent.card.name, agent.card.digest, starts
        self._reference, self._policy = whereabouts(agent), policy
        self._on_death, self._alarm, self._round = on_death, alarm, 0
        self._idle: list[IsolatedProcess] = []
        self._all: set[IsolatedProcess] = set()
        self._closed = False
        self._threads = ThreadPoolExecutor(policy.concurrency, thread_name_prefix=f"isolated {self._name}")

    async def handle(self, task: Task, context: TaskContext, policy: Policy) -> Any:
        """Run the handler and return its output; the tasks that it added are in `context` then.

        Args:
            task: with its payload resolved.
            context: of the attempt.
            policy: that of this attempt: time, CPU and size of the answer.

        Raises:
            AgentError: if the handler did.
            AttemptError: if there is no answer; with the cause.
            BudgetExceededError: if the handler was told that a budget is exceeded, and ended of it.
            NotJsonError: if what it gave back is no JSON.
        """
        frame = frame_of(task, context, policy)
        try:
            answer = await self._call(frame, context, policy)
        except AttemptError as error:
            self._note_death(error)
            raise
        if "cause" in answer:
            failure = _error(answer, policy)
            self._note_death(failure)
            raise failure
        try:
            context.added.extend(map(Task.from_json, answer["added"]))
        except (PointsmanError, TypeError, ValueError) as error:
            raise NotJsonError(f"tasks that are none: {error}") from error
        return answer["output"]

    def renew(self) -> None:
        """Let every process serve no call after the one that it may be at; the next calls get new ones."""
        self._round += 1

    def die(self, answered: bool) -> None:  # noqa: FBT001 - `Die`
        """Count a death that a stand-in wants; end the process that answered last: in virtual time there is one."""
        if answered and self._idle:
            self._end(self._idle.pop())
        self._on_death()

    def close(self) -> None:
        """Kill all processes and wait until they, and the threads that waited for them, are gone."""
        self._closed = True
        for process in tuple(self._all):
            process.kill()
        self._threads.shutdown()
        for process in tuple(self._all):
            process.close()
        self._all.clear()
        self._idle.clear()

    @property
    def pids(self) -> tuple[int, ...]:
        """The ids of the processes that there are now."""
        return tuple(process.pid for process in tuple(self._all))

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _call(self, frame: bytes, context: TaskContext, policy: Policy) -> Mapping[str, Any]:
        call, here = _Call(policy), isinstance(context.clock, VirtualClock)

        async def turn(frame: bytes) -> Mapping[str, Any]:
            if here:
                return self._turn(call, frame)
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._turn, call, frame)

        try:
            return await converse(frame, context, turn)
        except BaseException:  # right: raised again; whatever it is, the process is in the middle of something
            self._give_up(call)
            raise

    def _turn(self, call: _Call, frame: bytes) -> Mapping[str, Any]:
        """Send a frame to the process of a call, which gets one with its first turn, and return what comes back."""
        call.begin_turn()
        try:
            process = call.process or self._take(call)
            answer = _checked(process.exchange(frame, call.remaining()))
        except AttemptError as error:
            self._end(call.process)
            raise AttemptError(error.cause, str(error) or _bound(error.cause, call.policy)) from None
        except BaseException:  # right: raised again
            self._end(call.process)
            raise
        if WANT in answer:
            if not call.end_turn():
                self._end(process)
        elif answer.get("cause", Cause.RAISED) in _STAYS and call.let_go() and not self._closed:
            self._idle.append(process)
        else:
            self._end(process)
        return answer

    def _from_idle(self) -> IsolatedProcess | None:
        while self._idle:
            process = self._idle.pop()
            if process.begun_in == self._round:
                return process
            self._end(process)
        return None

    def _note_death(self, error: Exception) -> None:
        if isinstance(error, AttemptError) and error.cause in _DEATHS:
            self._on_death()

    def _take(self, call: _Call) -> IsolatedProcess:
        process = self._from_idle() or self._start(call)
        call.take(process)
        return process

    def _give_up(self, call: _Call) -> None:
        """Kill the process of a call; where no thread is in the middle of a turn with it, see to its end as well."""
        if call.cancel() and call.process is not None and not self._closed:  # else closing sees to it
            self._threads.submit(self._alarm.guard_thread(functools.partial(self._end, call.process)))

    def _start(self, call: _Call) -> IsolatedProcess:
        with self._starts.turn():
            return self._start_now(call)

    def _start_now(self, call: _Call) -> IsolatedProcess:
        process = IsolatedProcess(self._reference, self._policy.memory_mb, self._policy.max_output_mb, self._round)
        self._all.add(process)
        try:
            call.take(process)
            self._greet(process)
        except AttemptError as error:
            self._end(process)
            if error.cause is Cause.TIMEOUT:
                raise AttemptError(Cause.CRASH, f"the handler's process was not ready within {START_S:g} s") from None
            raise
        return process

    def _greet(self, process: IsolatedProcess) -> None:
        if self._closed:
            raise AttemptError(Cause.CRASH, "the run has stopped")
        ready = process.exchange(pack({}), START_S)
        if ready.get("card") != self._digest:
            found = ready.get("error", "its card is another one")
            raise AttemptError(Cause.CRASH, f"the handler's process could not load {self._reference}: {found}")

    def _end(self, process: IsolatedProcess | None) -> None:
        if process is not None:
            process.close()
            self._all.discard(process)


class _Call:
    """One call on its way: it may be cancelled before it has a process, in a turn, between two, and when it has let go.

    The loop's side writes that it is cancelled before it reads whether a thread is in a turn; a thread writes that
    before it reads whether it is cancelled. So a cancelled call leaves no process behind, nor kills one that serves
    another call by now.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy, self.cancelled = policy, False
        self.process: IsolatedProcess | None = None
        self._in_turn, self._until = False, 0.0

    def begin_turn(self) -> None:
        """Begin a turn, in a thread."""
        self._in_turn = True
        if self.cancelled:
            self._in_turn = False
            raise AttemptError(Cause.CANCELLED, "cancelled before it began")

    def end_turn(self) -> bool:
        """End a turn after which the process goes on; return whether that is still wanted."""
        self._in_turn = False
        return not self.cancelled

    def take(self, process: IsolatedProcess) -> None:
        """Have a process; its time begins."""
        self.process = process
        self._until = stopwatch() + self.policy.timeout_s + self.policy.grace_s
        if self.cancelled:
            raise AttemptError(Cause.CANCELLED, "cancelled before it began")

    def remaining(self) -> float:
        """Seconds that are left."""
        return self._until - stopwatch()

    def let_go(self) -> bool:
        """Return whether the process may serve another call."""
        self.process, self._in_turn = None, False
        return not self.cancelled

    def cancel(self) -> bool:
        """Kill the process; return whether nobody else will see to its end."""
        self.cancelled = True
        process = self.process
        if process is not None:
            process.kill()
        return not self._in_turn


def _checked(answer: Any) -> Mapping[str, Any]:
    if not isinstance(answer, dict) or not answer.keys() & {"cause", "output", WANT}:
        raise AttemptError(Cause.CRASH, "the handler's process gave an answer that is none of ours")
    return answer


def _error(answer: Mapping[str, Any], policy: Policy) -> Exception:
    cause, error = Cause(answer["cause"]), str(answer.get("error", ""))
    if cause is Cause.GAVE_UP:
        return AgentError(error)
    if cause is Cause.REFUSED:
        return NotJsonError(error)
    if cause is Cause.BUDGET:
        return BudgetExceededError(Shortage.from_json(answer["budget"]))
    if cause is Cause.TOO_LARGE:
        error = too_large(int(answer["size"]), int(policy.max_output_mb * _MB))
    return AttemptError(cause, error or _bound(cause, policy), tuple(answer.get("kinds", ())))


def _bound(cause: Cause, policy: Policy) -> str:
    """Say which bound was passed."""
    if cause is Cause.TIMEOUT:
        return no_answer(policy.timeout_s)
    if cause is Cause.CPU:
        return f"used more than {policy.cpu_s:g} s of CPU; raise cpu_s"
    more = f"more than {policy.memory_mb:g} MB" if policy.memory_mb is not None else "more than there is"
    return f"out of memory: it wanted {more}"
