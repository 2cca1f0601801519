"""The runner: one agent's mailbox and workers; each attempt is recorded, bounded in time, and ends in one way."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from typing import Any

from orchestrator.agent import Agent
from orchestrator.breaker import CircuitBreaker
from orchestrator.budget import Shortage
from orchestrator.bus import Fact, SubscriptionStatistics
from orchestrator.causes import Cause
from orchestrator.clock import seeded_random, stopwatch
from orchestrator.errors import BusClosedError, NotJsonError
from orchestrator.handling import Failure, Handling, Success, Surroundings, Waiting, refused
from orchestrator.journal import check_json
from orchestrator.messages import Envelope, Task
from orchestrator.open_task import OpenTask, opened, this_task
from orchestrator.policy import Policy
from orchestrator.questions import Answer, Question, asked_body, asked_of
from orchestrator.refusing import for_want_of, give_back, may_go_elsewhere
from orchestrator.topics import (
    TASK_ASKED,
    TASK_COMPLETED,
    TASK_DEAD_LETTERED,
    TASK_FAILED,
    TASK_RETRIED,
    TASK_STARTED,
    TASK_SUBMITTED,
    command_for,
)


class AgentRunner:
    """Runs the tasks of one agent, at most `policy.concurrency` at a time, the most urgent first.

    Its mailbox holds as many commands as the run may hold tasks, so that no publisher ever waits for it. A task that
    waits for its next attempt holds no worker. A worker cancelled in an attempt leaves the task unfinished: that is
    neither a failure nor a success of the agent.
    """

    def __init__(self, agent: Agent, policy: Policy, surroundings: Surroundings) -> None:
        self.agent, self.policy, self._in = agent, policy, surroundings
        self._spending = surroundings.spending
        self.name = agent.card.name
        self.breaker = CircuitBreaker(policy.breaker)
        self._mailbox = surroundings.bus.subscribe(
            command_for(self.name),
            maxsize=2 * surroundings.capacity,
            priority=lambda envelope: surroundings.graph.urgency(envelope.correlation_id),
        )
        self._handling = Handling(surroundings, policy, agent)
        self._open: dict[str, OpenTask] = {}
        self._workers: list[asyncio.Task[None]] = []
        self._retired = self._paused = False
        self._attempts = 0  # that have begun and whose outcome is not published yet
        self._attempt_ended = asyncio.Event()

    def start(self, group: asyncio.TaskGroup) -> None:
        """Start the workers; the group owns them."""
        self._workers = [
            group.create_task(self._work(), name=f"{self.name} {number}") for number in range(self.policy.concurrency)
        ]

    async def drain(self) -> None:
        """Wait until all tasks given to this agent have ended; one between two attempts has not."""
        await self._mailbox.drained()

    def hold(self) -> None:
        """Begin no further attempt. What waits here is in the journal."""
        self._paused = True

    async def attempts_over(self) -> None:
        """Wait until the outcome of every attempt that has begun is published."""
        while self._attempts:
            self._attempt_ended.clear()
            await self._attempt_ended.wait()

    async def abandon(self) -> int:
        """Give up what is left: return how many tasks that were. A worker that is recording an outcome may finish."""
        self._retired = True
        while (command := self._mailbox.receive_nowait()) is not None:
            self._open.setdefault(command.correlation_id, opened(command))
        left = list(self._open.values())
        self._open.clear()
        for entry in left:
            entry.interrupt()
        for entry in left:
            await self._give_up(entry)
        self._handling.close()
        self._mailbox.close()
        return len(left)

    def stop(self) -> None:
        """Cancel the workers and the retries, close the mailbox."""
        for worker in self._workers:
            worker.cancel()
        for entry in self._open.values():
            entry.interrupt()
        self._handling.close()
        self._mailbox.close()

    def in_flight(self) -> list[str]:
        """Return the tasks whose attempt has begun and whose handler has not answered."""
        return [task_id for task_id, entry in self._open.items() if entry.in_handler]

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
        worker = this_task()
        while True:
            command = await self._mailbox.receive()
            if self._retired:  # it was handed over in the very moment of retirement
                await self._give_up(opened(command))
                return
            entry = self._take(command)
            if entry.timer is not None or await self._still_asks(entry):  # its next attempt is not due yet
                continue
            if entry.attempts >= self.policy.retry.max_attempts:
                error = f"the process ended in attempt {entry.attempts} of {self.policy.retry.max_attempts}"
                await self._bury(entry, {"error": error})
                continue
            entry.worker = worker
            await self.breaker.admit()
            if self._paused:
                return
            short = self._spending.begin(command.correlation_id, self.name) if self._spending.active else None
            if short is not None:
                await self._refuse(entry, short)
                continue
            self._attempts += 1
            try:
                await self._attempt(entry, worker)
            except asyncio.CancelledError:
                self.breaker.withdraw()
                raise
            finally:
                entry.worker = None
                self._attempts -= 1
                self._attempt_ended.set()
            while worker.cancelling():  # before Python 3.13 a task group in the handler may leave it counted so
                worker.uncancel()
            if self._mailbox.queued:
                await asyncio.sleep(0)  # what this outcome unlocked may be more urgent than what waits here

    def _take(self, command: Envelope) -> OpenTask:
        """Return the entry of a command that was received; where it was given again before its time, with a timer."""
        known = self._open.get(command.correlation_id)
        if known is not None:
            known.timer = None  # it is this timer that put the command back
            return known
        entry = self._open[command.correlation_id] = opened(command)
        wait_s = command.body.get("wait_s", 0.0)
        if wait_s:
            entry.timer = asyncio.get_running_loop().call_later(wait_s, self._mailbox.requeue, command)
        return entry

    async def _bury(self, entry: OpenTask, why: dict[str, Any]) -> None:
        """End a task that gets no further attempt."""
        del self._open[entry.command.correlation_id]
        await self._finish(TASK_DEAD_LETTERED, why, entry, entry.command, {})
        self._mailbox.reject(entry.command, why["error"])

    async def _refuse(self, entry: OpenTask, short: Shortage) -> None:
        """End a task that a budget keeps from its next attempt, or let another agent have it."""
        self.breaker.withdraw()
        if may_go_elsewhere(short, entry.attempts, self._in.graph, entry.command.correlation_id):
            del self._open[entry.command.correlation_id]
            await give_back(self._in.bus, self._mailbox, self.name, entry.command, short)
        else:
            await self._bury(entry, for_want_of(short))
        await asyncio.sleep(0)  # thousands may wait here, and all of them end so

    async def _attempt(self, entry: OpenTask, worker: asyncio.Task[None]) -> None:
        task_id = entry.command.correlation_id
        entry.attempts += 1
        entry.in_handler = True
        body = {"agent": self.name, "attempt": entry.attempts}
        started = await self._in.bus.publish(TASK_STARTED, body, task_id, entry.command.id)
        await self._in.journal.sync()  # the count is safe before the attempt: a task that kills us cannot loop
        begun = stopwatch()
        outcome = await self._handling.run(self.agent, started, worker)
        measured = {"handle_s": stopwatch() - begun}
        entry.in_handler = False
        if self._open.get(task_id) is not entry:
            return  # given up while the handler would not be cancelled
        if isinstance(outcome, Waiting):
            self.breaker.withdraw()
            if self._spending.active:
                self._spending.withdraw(task_id, self.name)
            await self._ask(entry, outcome.question, started, measured)
            return
        if isinstance(outcome, Failure) and outcome.again and entry.attempts < self.policy.retry.max_attempts:
            self.breaker.fail()
            await self._retry_later(entry, outcome, started, measured)
            return
        del self._open[task_id]  # the outcome stands: whatever becomes of this agent now, the worker records it
        if isinstance(outcome, Success):
            self.breaker.succeed()
            await self._complete(outcome, entry, started, measured)
            self._mailbox.done()
        elif not outcome.again and outcome.short is None:
            self.breaker.succeed()  # the agent answered; the task was at fault
            await self._finish(TASK_FAILED, _why(outcome), entry, started, measured)
            self._mailbox.done()
        else:
            self.breaker.fail() if outcome.again else self.breaker.withdraw()  # a budget says nothing about the agent
            await self._finish(TASK_DEAD_LETTERED, _why(outcome), entry, started, measured)
            self._mailbox.reject(entry.command, outcome.error)

    async def _retry_later(self, entry: OpenTask, why: Failure, started: Envelope, measured: dict[str, float]) -> None:
        task_id = entry.command.correlation_id
        rng = seeded_random(self._in.seed, self.name, task_id, str(entry.attempts))
        delay = round(self.policy.retry.delay(entry.attempts, rng), 6)
        body = {"agent": self.name, "attempt": entry.attempts, **_why(why), "delay_s": delay}
        body |= self._spending.settle(task_id, self.name)
        await self._in.bus.publish(TASK_RETRIED, body, task_id, started.id, measured)
        entry.timer = asyncio.get_running_loop().call_later(
            delay, self._in.alarm.guard(functools.partial(self._mailbox.requeue, entry.command))
        )

    async def _ask(self, entry: OpenTask, question: Question, started: Envelope, measured: dict[str, float]) -> None:
        """Let a task wait for a person: its attempt does not count, and neither worker nor timer is held."""
        task_id = entry.command.correlation_id
        entry.attempts -= 1
        entry.worker = None  # a stop from now on interrupts nothing
        body = {**asked_body(question, self.name), "attempt": started.body["attempt"]}
        body |= self._spending.settle(task_id, self.name)
        asked = await self._in.bus.publish(TASK_ASKED, body, task_id, started.id, measured)
        if self._open.get(task_id) is entry:
            await self._in.questions.park(task_id, asked_of(asked), functools.partial(self._wake, entry))

    async def _still_asks(self, entry: OpenTask) -> bool:
        """Say whether an earlier process left this task waiting for a person, as it goes on to do."""
        task_id = entry.command.correlation_id
        asked = self._in.questions.left_open(task_id)
        if asked is not None:
            await self._in.questions.park(task_id, asked, functools.partial(self._wake, entry))
        return asked is not None

    async def _wake(self, entry: OpenTask, _answer: Answer) -> None:
        self._mailbox.requeue(entry.command)

    async def _complete(self, outcome: Success, entry: OpenTask, started: Envelope, measured: dict[str, float]) -> None:
        try:
            if self._spending.owing:  # what was spent goes on record with a row that is surely taken
                check_json(outcome.output, "the output")
            await self._finish(TASK_COMPLETED, {"output": outcome.output}, entry, started, measured, outcome.children)
        except NotJsonError as error:  # found out here because looking first would cost every task
            body = {"error": refused(error), "cause": Cause.REFUSED}
            await self._finish(TASK_FAILED, body, entry, started, measured)

    async def _give_up(self, entry: OpenTask) -> None:
        cause = f"agent {self.name!r} was unregistered"
        body = {"agent": self.name, "attempts": entry.attempts, "error": cause}
        self._in.questions.forget(entry.command.correlation_id)
        await self._in.bus.publish(TASK_DEAD_LETTERED, body, entry.command.correlation_id, entry.command.id)
        self._mailbox.reject(entry.command, cause)

    async def _finish(
        self,
        topic: str,
        body: dict[str, Any],
        entry: OpenTask,
        started: Envelope,
        measured: dict[str, float],
        children: Sequence[Task] = (),
    ) -> None:
        task_id = entry.command.correlation_id
        body = {"agent": self.name, "attempts": entry.attempts, **body}
        if self._spending.owing:
            body |= self._spending.settle(task_id, self.name)
        if children:  # in one go with the end: who stops this worker while it waits leaves all on record, or nothing
            records = [(child.id, {"task": child.to_json()}) for child in children]
            await self._in.bus.publish_all(TASK_SUBMITTED, records, started.id, Fact(topic, task_id, body, measured))
        else:
            await self._in.bus.publish(topic, body, task_id, started.id, measured)
        self._in.effects.forget(task_id)
        self._in.questions.forget(task_id)


def _why(failure: Failure) -> dict[str, Any]:
    why = {"error": failure.error, "cause": failure.cause}
    return why if failure.short is None else for_want_of(failure.short)
