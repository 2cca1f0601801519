"""Handling: one call of an agent's handler, bounded in time; whatever it does becomes a value."""

from __future__ import annotations

import asyncio
import functools
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from orchestrator.agent import Agent
from orchestrator.alarm import Alarm
from orchestrator.blocking import wait_alone
from orchestrator.budget import Shortage
from orchestrator.bus import Bus
from orchestrator.causes import Cause, kinds_of, no_answer
from orchestrator.clock import Clock
from orchestrator.context import Parked, TaskContext
from orchestrator.deadlines import Deadlines
from orchestrator.effects import Effects
from orchestrator.errors import (
    AgentError,
    AttemptError,
    BudgetExceededError,
    CapacityError,
    GraphError,
    NotJsonError,
)
from orchestrator.foreign import as_json, describe, one_line
from orchestrator.graph import TaskGraph
from orchestrator.isolated_process import too_large
from orchestrator.isolation import Isolation
from orchestrator.journal import Journal, check_json
from orchestrator.messages import Envelope, Task
from orchestrator.outside import CURRENT, WORLD, Outside, OutsideOf
from orchestrator.plan import has_references, resolve_payload
from orchestrator.policy import Policy
from orchestrator.questions import Question, Questions, QuestionsOfAttempt
from orchestrator.restarts import Restarts
from orchestrator.spending import Spending
from orchestrator.stand_in import Handle, StandIn, around
from orchestrator.starts import Starts

if TYPE_CHECKING:
    import structlog


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every runner of a run shares."""

    bus: Bus
    graph: TaskGraph
    journal: Journal
    clock: Clock
    effects: Effects
    questions: Questions
    spending: Spending
    workspace: Path
    seed: int
    capacity: int
    alarm: Alarm = field(default_factory=Alarm)
    starts: Starts = field(default_factory=Starts)
    restarts: Restarts = field(default_factory=Restarts)
    outside_of: OutsideOf | None = None
    logger: structlog.typing.FilteringBoundLogger | None = None


class Success(NamedTuple):
    """A handler's answer as plain JSON, and the tasks that it added."""

    output: Any
    children: tuple[Task, ...]


class Failure(NamedTuple):
    """Why a handler gave no answer, in one line, whether trying again may help, and what kind of failure it was.

    `kinds` names the class of the exception and those that it is made of, where there was one; `short` is the budget
    that is used up, where one is.
    """

    error: str
    again: bool
    cause: Cause
    kinds: tuple[str, ...] = ()
    short: Shortage | None = None


class Waiting(NamedTuple):
    """What a person has to answer before the handler can go on."""

    question: Question


_new: Final = tuple.__new__  # what a named tuple does when it is called, without the Python in between


class _LateError(Exception):
    """Raised when a handler had its time."""


class Handling:
    """Calls the handler of one agent, each call within the bounds of its policy."""

    def __init__(self, surroundings: Surroundings, policy: Policy, agent: Agent) -> None:
        self._in, self._name = surroundings, agent.card.name
        self._seed = f"{surroundings.seed}/{surroundings.effects.run}"
        self._deadlines = Deadlines(policy.timeout_s, surroundings.alarm.guard)
        self._isolation = _isolate(surroundings, policy, agent) if policy.isolation == "process" else None
        self._stood_in = self._isolation is not None and isinstance(agent, StandIn)

    def renew(self) -> None:
        """Let calls from now on find new processes, where there are any."""
        if self._isolation is not None:
            self._isolation.renew()

    def note_hidden(self, task_id: str, attempt: int, error: str) -> None:
        """Log what a handler raised, if anything, when its attempt had ended otherwise already: no row says so."""
        if error and self._in.logger is not None:
            about = {"agent": self._name, "task": task_id, "attempt": attempt}
            self._in.logger.warning("handler failed as it was cut off", **about, error=error)

    def close(self) -> None:
        """Stop the timer, and the processes."""
        self._deadlines.close()
        if self._isolation is not None:
            self._isolation.close()

    async def run(
        self, agent: Agent, started: Envelope, worker: asyncio.Task[None], policy: Policy
    ) -> Success | Failure | Waiting:
        """Run the handler: the one place where anything an agent raises becomes a value.

        Args:
            agent: whose handler.
            started: says which attempt at which task this is.
            worker: who runs this; only its own cancellation passes.
            policy: of the task: the agent's own, or one that the task or its plan overrides.
        """
        task = self._in.graph.task(started.correlation_id)
        questions = self._in.questions.of(task.id)
        try:
            context = self._context(task, started, questions)
            call = self._call_within_budget if self._in.spending.active else self._call
            output = as_json(await call(agent, context, worker, questions, policy))
            refuse_large(output, policy.max_output_mb)
            if context.added:
                self._check_children(task, context, output)
        except Parked as parked:
            return Waiting(parked.question)
        except (AgentError, BudgetExceededError) as error:
            return _gave_up(error)
        except (GraphError, NotJsonError) as error:
            return Failure(refused(error), again=False, cause=Cause.REFUSED)
        except AttemptError as error:
            return Failure(str(error), again=True, cause=error.cause, kinds=error.kinds)
        except _LateError:
            return Failure(no_answer(policy.timeout_s), again=True, cause=Cause.TIMEOUT)
        except asyncio.CancelledError:
            if worker.cancelling():
                raise
            return Failure("the handler was cancelled from inside", again=True, cause=Cause.CANCELLED)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the agent boundary: a stranger's code raised it
            return Failure(describe(error), again=True, cause=Cause.RAISED, kinds=kinds_of(error))
        return self._take(task, output, context)

    def _take(self, task: Task, output: Any, context: TaskContext) -> Success | Failure:
        """Add what the handler added: outside the boundary, for what else is wrong here ends the run."""
        try:
            if not context.added:
                return _new(Success, (output, ()))
            children = self._in.graph.add_children(task.id, context.added)
            self._in.spending.add(children)
            return Success(output, children)
        except GraphError as error:
            return Failure(refused(error), again=False, cause=Cause.REFUSED)

    def _context(self, task: Task, started: Envelope, questions: QuestionsOfAttempt) -> TaskContext:
        """Return what the handler may see, its payload with the results that it refers to."""
        run = self._in
        results = run.graph.results_for(task.id)
        if task.payload and has_references(task.payload):
            task = task._replace(payload=resolve_payload(task.payload, results))
        effects = run.effects.of(started, questions)
        spend = functools.partial(run.spending.spend, self._name, started)
        own: tuple[Any, ...] = (task, started.body["attempt"], results, run.workspace, run.clock, [])
        outside = WORLD if run.outside_of is None else self._answered_by(run.outside_of(task.id))
        return _new(TaskContext, (*own, effects, questions, spend, wait_alone, outside, self._seed, []))

    def _answered_by(self, outside: Outside) -> Outside:
        """Let whatever this worker runs from now on read from there."""
        CURRENT.set(outside)
        return outside

    async def _call_within_budget(
        self,
        agent: Agent,
        context: TaskContext,
        worker: asyncio.Task[None],
        questions: QuestionsOfAttempt,
        policy: Policy,
    ) -> Any:
        self._in.spending.enter(worker, context.task.id, self._name)
        try:
            return await self._call(agent, context, worker, questions, policy)
        finally:
            self._in.spending.leave(worker, self._name)

    async def _call(
        self,
        agent: Agent,
        context: TaskContext,
        worker: asyncio.Task[None],
        questions: QuestionsOfAttempt,
        policy: Policy,
    ) -> Any:
        handle: Handle = agent.handle
        if (isolation := self._isolation) is not None:
            if not self._stood_in:
                return await isolation.handle(context.task, context, policy)  # it keeps the time itself
            handle = around(agent, functools.partial(isolation.handle, policy=policy), isolation.die)
        deadlines = self._deadlines if policy.timeout_s == self._deadlines.seconds else self._own_deadline(policy)
        deadlines.begin(worker)
        try:
            return await handle(context.task, context)
        finally:
            self._bring_up(worker, questions, deadlines, context)

    def _own_deadline(self, policy: Policy) -> Deadlines:
        """Return a timer for one attempt: its task has another time than the others of this agent."""
        return Deadlines(policy.timeout_s, self._in.alarm.guard)

    def _bring_up(
        self, worker: asyncio.Task[None], questions: QuestionsOfAttempt, deadlines: Deadlines, context: TaskContext
    ) -> None:
        """Raise that the handler had its time, or waits for a person, whatever it made of hearing so."""
        late, cancelled, error = deadlines.end(worker), worker.cancelling(), sys.exception()
        hidden = describe(error) if isinstance(error, Exception) else ""
        if deadlines is not self._deadlines:
            deadlines.close()
        if late and not cancelled:
            self.note_hidden(context.task.id, context.attempt, hidden)
            raise _LateError
        # A task group whose member raised may leave its parent counted as cancelled (before Python 3.13).
        if questions.pending is not None and not (cancelled and isinstance(error, asyncio.CancelledError)):
            self.note_hidden(context.task.id, context.attempt, hidden)
            raise Parked(questions.pending)

    def _check_children(self, parent: Task, context: TaskContext, output: Any) -> None:
        check_json(output, f"the output of task {parent.id!r}")  # an attempt that fails adds nothing
        for child in context.added:
            check_json(child.to_json(), f"task {child.id!r}")
        limit = 2 * self._in.capacity
        if self._in.graph.open + len(context.added) > limit:
            raise CapacityError(limit)


def _isolate(surroundings: Surroundings, policy: Policy, agent: Agent) -> Isolation:
    died = functools.partial(surroundings.restarts.died, agent.card.name, policy.restart)
    return Isolation(agent, policy, surroundings.starts, died, surroundings.alarm)


def _gave_up(error: AgentError | BudgetExceededError) -> Failure:
    if isinstance(error, BudgetExceededError):
        return Failure(one_line(error), again=False, cause=Cause.BUDGET, short=error.shortage)
    return Failure(one_line(error), again=False, cause=Cause.GAVE_UP, kinds=kinds_of(error))


def refuse_large(output: Any, max_mb: float) -> None:
    """Refuse an answer that is too large: it would have to be journaled, kept and handed on.

    Raises:
        AttemptError: if its JSON is larger than that.
    """
    kind = type(output)
    if kind is str or kind is dict or kind is list:
        limit = int(max_mb * 1_000_000)
        size = len(output) if kind is str else len(orjson.dumps(output))
        if size > limit:
            raise AttemptError(Cause.TOO_LARGE, too_large(size, limit))


def refused(error: BaseException) -> str:
    """Say in one line that an answer was refused, and why."""
    return f"what the agent gave back was refused: {one_line(error)}"
