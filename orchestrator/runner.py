"""The runner: one agent's mailbox and workers; each attempt is recorded, bounded in time, and ends in one way."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic_core import PydanticSerializationError, to_jsonable_python

from orchestrator.agent import Agent, TaskContext
from orchestrator.breaker import CircuitBreaker
from orchestrator.bus import Bus, SubscriptionStatistics
from orchestrator.clock import Clock, seeded_random, stopwatch
from orchestrator.errors import AgentError, BusClosedError, CapacityError, GraphError
from orchestrator.graph import TaskGraph
from orchestrator.journal import Journal
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


@dataclass(frozen=True, slots=True)
class _Success:
    output: Any
    children: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class _Failure:
    error: str
    again: bool


@dataclass(slots=True)
class _Open:
    """A task in the hands of this agent: its command, the attempts begun, and the timer of the next one."""

    command: Envelope
    attempts: int = 0
    timer: asyncio.TimerHandle | None = None


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
        self._open: dict[str, _Open] = {}
        self._workers: list[asyncio.Task[None]] = []

    def start(self, group: asyncio.TaskGroup) -> None:
        """Start the workers; the group owns them."""
        self._workers = [
            group.create_task(self._work(), name=f"{self.name} {number}") for number in range(self.policy.concurrency)
        ]

    async def drain(self) -> None:
        """Wait until all tasks given to this agent have ended; one between two attempts has not."""
        await self._mailbox.drained()

    async def abandon(self) -> int:
        """Stop, and give up what is left: return how many tasks that were."""
        for worker in self._workers:
            worker.cancel()
        while (command := self._mailbox.receive_nowait()) is not None:
            self._open.setdefault(command.correlation_id, _Open(command))
        cause = f"agent {self.name!r} was unregistered"
        left = list(self._open.items())
        for task_id, entry in left:
            body = {"agent": self.name, "attempts": entry.attempts, "error": cause}
            await self._in.bus.publish(TASK_DEAD_LETTERED, body, task_id, entry.command.id)
            self._mailbox.reject(entry.command, cause)
        self.stop()
        return len(left)

    def stop(self) -> None:
        """Cancel the workers and the retries, close the mailbox."""
        for worker in self._workers:
            worker.cancel()
        for entry in self._open.values():
            if entry.timer is not None:
                entry.timer.cancel()
        self._mailbox.close()

    def statistics(self) -> SubscriptionStatistics:
        """Return the counts of the mailbox; a task between two attempts counts as in hand."""
        return self._mailbox.statistics()

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            try:
                command = await self._mailbox.receive()
            except BusClosedError:
                return
            entry = self._open.setdefault(command.correlation_id, _Open(command))
            await self.breaker.admit()
            try:
                await self._attempt(entry)
            except asyncio.CancelledError:
                self.breaker.withdraw()
                raise

    async def _attempt(self, entry: _Open) -> None:
        task = self._in.graph.task(entry.command.correlation_id)
        entry.attempts += 1
        body = {"agent": self.name, "attempt": entry.attempts}
        started = await self._in.bus.publish(TASK_STARTED, body, task.id, entry.command.id)
        await self._in.journal.sync()  # the count is safe before the attempt: a task that kills us cannot loop
        begun = stopwatch()
        outcome = await self._handle(task, entry.attempts)
        measured = {"handle_s": stopwatch() - begun}
        if isinstance(outcome, _Success):
            self.breaker.succeed()
            for child in outcome.children:
                await self._in.bus.publish(TASK_SUBMITTED, {"task": child.to_json()}, child.id, started.id)
            await self._finish(TASK_COMPLETED, {"output": outcome.output}, entry, started, measured)
            self._mailbox.done()
        elif not outcome.again:
            self.breaker.succeed()  # the agent answered; the task was at fault
            await self._finish(TASK_FAILED, {"error": outcome.error}, entry, started, measured)
            self._mailbox.done()
        elif entry.attempts >= self.policy.retry.max_attempts:
            self.breaker.fail()
            await self._finish(TASK_DEAD_LETTERED, {"error": outcome.error}, entry, started, measured)
            self._mailbox.reject(entry.command, outcome.error)
        else:
            self.breaker.fail()
            await self._retry_later(entry, outcome.error, started, measured)

    async def _handle(self, task: Task, number: int) -> _Success | _Failure:
        """Run the handler: the one place where anything an agent raises becomes a value."""
        results = self._in.graph.results_for(task.id)
        try:
            if has_references(task.payload):
                task = dataclasses.replace(task, payload=resolve_payload(task.payload, results))
            context = TaskContext(task, number, results, self._in.workspace, self._in.clock)
            async with asyncio.timeout(self.policy.timeout_s) as limit:
                output = await self.agent.handle(task, context)
            return _Success(to_jsonable_python(output, inf_nan_mode="strings"), self._children(task, context))
        except AgentError as error:
            return _Failure(_one_line(error), again=False)
        except (GraphError, PydanticSerializationError) as error:
            return _Failure(f"what the agent gave back was refused: {_one_line(error)}", again=False)
        except TimeoutError as error:
            late = limit.expired()
            return _Failure(f"no answer within {self.policy.timeout_s:g} s" if late else _describe(error), again=True)
        except asyncio.CancelledError:
            if _this_task().cancelling():
                raise
            return _Failure("the handler was cancelled from inside", again=True)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the agent boundary: a stranger's code raised it
            return _Failure(_describe(error), again=True)

    def _children(self, parent: Task, context: TaskContext) -> tuple[Task, ...]:
        if not context.added:
            return ()
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

    async def _finish(
        self, topic: str, body: dict[str, Any], entry: _Open, started: Envelope, measured: dict[str, float]
    ) -> None:
        task_id = entry.command.correlation_id
        await self._in.bus.publish(
            topic, {"agent": self.name, "attempts": entry.attempts, **body}, task_id, started.id, measured
        )
        del self._open[task_id]


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a worker runs in an asyncio.Task")
    return task


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {_one_line(error)}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:_MAX_ERROR] or type(error).__name__
