"""The runner: one agent's mailbox and workers; each attempt is recorded, bounded in time, and ends in one way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic_core import to_jsonable_python

from orchestrator.agent import Agent, TaskContext
from orchestrator.breaker import CircuitBreaker
from orchestrator.bus import Bus, SubscriptionStatistics
from orchestrator.clock import Clock, seeded_random, stopwatch
from orchestrator.deadlines import Deadlines
from orchestrator.errors import AgentError, BusClosedError, CapacityError, GraphError, NotJsonError
from orchestrator.graph import TaskGraph
from orchestrator.journal import Journal, check_json
from orchestrator.messages import Envelope, Task
from orchestrator.plan import has_references, resolve_payload
from orchestrator.policy import Policy
from orchestrator.topics import (
    TASK_COMPLETED,
    TASK_DEAD_LETTERED,
    TASK_FAILED,
    TASK_RETRIED,
    TASK_STARTED,
    TASK_SUBMITTED,
    command_for,
)

_MAX_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every runner of a run shares."""

    bus: Bus
    graph: TaskGraph
    journal: Journal
    clock: Clock
    workspace: Path
    seed: int
    capacity: int


class _LateError(Exception):
    """Raised when a handler had its time."""


class _Success(NamedTuple):
    output: Any
    children: tuple[Task, ...]


class _Failure(NamedTuple):
    error: str
    again: bool


@dataclass(slots=True)
class _Open:
    """A task that this agent has yet to end: its command, the attempts begun, and who or what moves it on."""

    command: Envelope
    attempts: int = 0
    timer: asyncio.TimerHandle | None = None
    worker: asyncio.Task[None] | None = None


class AgentRunner:
    """Runs the tasks of one agent, at most `policy.concurrency` at a time, the most urgent first.

    Its mailbox holds as many commands as the run may hold tasks, so that no publisher ever waits for it. A task that
    waits for its next attempt holds no worker. A worker cancelled in an attempt leaves the task unfinished: that is
    neither a failure nor a success of the agent.
    """

    def __init__(self, agent: Agent, policy: Policy, surroundings: Surroundings) -> None:
        self.agent, self.policy, self._in = agent, policy, surroundings
        self.name = agent.card.name
        self.breaker = CircuitBreaker(policy.breaker)
        self._mailbox = surroundings.bus.subscribe(
            command_for(self.name),
            maxsize=2 * surroundings.capacity,
            priority=lambda envelope: surroundings.graph.urgency(envelope.correlation_id),
        )
        self._deadlines = Deadlines(policy.timeout_s)
        self._open: dict[str, _Open] = {}
        self._workers: list[asyncio.Task[None]] = []
        self._retired = False

    def start(self, group: asyncio.TaskGroup) -> None:
        """Start the workers; the group owns them."""
        self._workers = [
            group.create_task(self._work(), name=f"{self.name} {number}") for number in range(self.policy.concurrency)
        ]

    async def drain(self) -> None:
        """Wait until all tasks given to this agent have ended; one between two attempts has not."""
        await self._mailbox.drained()

    async def abandon(self) -> int:
        """Give up what is left: return how many tasks that were. A worker that is recording an outcome may finish."""
        self._retired = True
        while (command := self._mailbox.receive_nowait()) is not None:
            self._open.setdefault(command.correlation_id, _Open(command))
        left = list(self._open.values())
        self._open.clear()
        for entry in left:
            _interrupt(entry)
        for entry in left:
            await self._give_up(entry)
        self._mailbox.close()
        return len(left)

    def stop(self) -> None:
        """Cancel the workers and the retries, close the mailbox."""
        for worker in self._workers:
            worker.cancel()
        for entry in self._open.values():
            _interrupt(entry)
        self._deadlines.close()
        self._mailbox.close()

    def statistics(self) -> SubscriptionStatistics:
        """Return the counts of the mailbox; a task between two attempts counts as in hand."""
        return self._mailbox.statistics()

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        try:
            await self._work_on()
        except BusClosedError:  # this agent or the whole run has stopped
            return

    async def _work_on(self) -> None:
        worker = _this_task()
        while True:
            command = await self._mailbox.receive()
            if self._retired:  # it was handed over in the very moment of retirement
                await self._give_up(_Open(command))
                return
            entry = self._open.setdefault(command.correlation_id, _Open(command))
            entry.worker = worker
            await self.breaker.admit()
            try:
                await self._attempt(entry, worker)
            except asyncio.CancelledError:
                self.breaker.withdraw()
                raise
            finally:
                entry.worker = None
            if self._mailbox.queued:
                await asyncio.sleep(0)  # what this outcome unlocked may be more urgent than what waits here

    async def _attempt(self, entry: _Open, worker: asyncio.Task[None]) -> None:
        task = self._in.graph.task(entry.command.correlation_id)
        entry.attempts += 1
        body = {"agent": self.name, "attempt": entry.attempts}
        started = await self._in.bus.publish(TASK_STARTED, body, task.id, entry.command.id)
        await self._in.journal.sync()  # the count is safe before the attempt: a task that kills us cannot loop
        begun = stopwatch()
        outcome = await self._handle(task, entry.attempts, worker)
        measured = {"handle_s": stopwatch() - begun}
        if self._open.get(task.id) is not entry:
            return  # given up while the handler would not be cancelled
        if isinstance(outcome, _Failure) and outcome.again and entry.attempts < self.policy.retry.max_attempts:
            self.breaker.fail()
            await self._retry_later(entry, outcome.error, started, measured)
            return
        del self._open[task.id]  # the outcome stands: whatever becomes of this agent now, the worker records it
        if isinstance(outcome, _Success):
            self.breaker.succeed()
            await self._complete(outcome, entry, started, measured)
            self._mailbox.done()
        elif not outcome.again:
            self.breaker.succeed()  # the agent answered; the task was at fault
            await self._finish(TASK_FAILED, {"error": outcome.error}, entry, started, measured)
            self._mailbox.done()
        else:
            self.breaker.fail()
            await self._finish(TASK_DEAD_LETTERED, {"error": outcome.error}, entry, started, measured)
            self._mailbox.reject(entry.command, outcome.error)

    async def _handle(self, task: Task, number: int, worker: asyncio.Task[None]) -> _Success | _Failure:
        """Run the handler: the one place where anything an agent raises becomes a value."""
        results = self._in.graph.results_for(task.id)
        try:
            if task.payload and has_references(task.payload):
                task = task._replace(payload=resolve_payload(task.payload, results))
            context = TaskContext(task, number, results, self._in.workspace, self._in.clock)
            self._deadlines.begin(worker)
            try:
                output = await self.agent.handle(task, context)
            finally:
                if self._deadlines.end(worker) and not worker.cancelling():
                    raise _LateError  # whatever the handler made of its cancellation
            output = _as_json(output)
            return _Success(output, self._children(task, context, output) if context.added else ())
        except AgentError as error:
            return _Failure(_one_line(error), again=False)
        except (GraphError, NotJsonError) as error:
            return _Failure(_refused(error), again=False)
        except _LateError:
            return _Failure(f"no answer within {self.policy.timeout_s:g} s", again=True)
        except asyncio.CancelledError:
            if worker.cancelling():
                raise
            return _Failure("the handler was cancelled from inside", again=True)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the agent boundary: a stranger's code raised it
            return _Failure(_describe(error), again=True)

    def _children(self, parent: Task, context: TaskContext, output: Any) -> tuple[Task, ...]:
        check_json(output, f"the output of task {parent.id!r}")  # an attempt that fails adds nothing
        for child in context.added:
            check_json(child.to_json(), f"task {child.id!r}")
        limit = 2 * self._in.capacity
        if self._in.graph.open + len(context.added) > limit:
            raise CapacityError(limit)
        return self._in.graph.add_children(parent.id, context.added)

    async def _retry_later(self, entry: _Open, error: str, started: Envelope, measured: dict[str, float]) -> None:
        task_id = entry.command.correlation_id
        rng = seeded_random(self._in.seed, self.name, task_id, str(entry.attempts))
        delay = round(self.policy.retry.delay(entry.attempts, rng), 6)
        body = {"agent": self.name, "attempt": entry.attempts, "error": error, "delay_s": delay}
        await self._in.bus.publish(TASK_RETRIED, body, task_id, started.id, measured)
        entry.timer = asyncio.get_running_loop().call_later(delay, self._mailbox.requeue, entry.command)

    async def _complete(self, outcome: _Success, entry: _Open, started: Envelope, measured: dict[str, float]) -> None:
        if outcome.children:
            records = [(child.id, {"task": child.to_json()}) for child in outcome.children]
            await self._in.bus.publish_all(TASK_SUBMITTED, records, started.id)
        try:
            await self._finish(TASK_COMPLETED, {"output": outcome.output}, entry, started, measured)
        except NotJsonError as error:  # found out here because looking first would cost every task
            await self._finish(TASK_FAILED, {"error": _refused(error)}, entry, started, measured)

    async def _give_up(self, entry: _Open) -> None:
        cause = f"agent {self.name!r} was unregistered"
        body = {"agent": self.name, "attempts": entry.attempts, "error": cause}
        await self._in.bus.publish(TASK_DEAD_LETTERED, body, entry.command.correlation_id, entry.command.id)
        self._mailbox.reject(entry.command, cause)

    async def _finish(
        self, topic: str, body: dict[str, Any], entry: _Open, started: Envelope, measured: dict[str, float]
    ) -> None:
        task_id = entry.command.correlation_id
        await self._in.bus.publish(
            topic, {"agent": self.name, "attempts": entry.attempts, **body}, task_id, started.id, measured
        )


def _as_json(output: Any) -> Any:
    """Return plain JSON of models, dataclasses and the like; NaN and infinity, which JSON does not have, are null."""
    try:
        return to_jsonable_python(output, inf_nan_mode="null")
    except (ValueError, RecursionError) as error:  # an unknown type, bytes that are no text, or circular
        raise NotJsonError(str(error)) from error


def _interrupt(entry: _Open) -> None:
    if entry.timer is not None:
        entry.timer.cancel()
    if entry.worker is not None:
        entry.worker.cancel()


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a worker runs in an asyncio.Task")
    return task


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {_one_line(error)}"


def _refused(error: BaseException) -> str:
    return f"what the agent gave back was refused: {_one_line(error)}"


def _one_line(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a stranger's __str__
        text = ""
    line = " ".join(text.split())[:_MAX_ERROR].encode("utf-8", "backslashreplace").decode()
    return line or type(error).__name__
