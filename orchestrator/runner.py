"""The runner: one agent's mailbox and workers; each attempt is recorded, bounded in time, and ends in one way."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from orchestrator.agent import Agent
from orchestrator.breaker import CircuitBreaker
from orchestrator.bus import SubscriptionStatistics
from orchestrator.clock import seeded_random, stopwatch
from orchestrator.endings import Endings, why
from orchestrator.errors import BusClosedError
from orchestrator.handling import Failure, Handling, Success, Surroundings, Waiting
from orchestrator.messages import Envelope
from orchestrator.open_task import OpenTask, this_task
from orchestrator.policy import Policies, Policy
from orchestrator.questions import Answer, Question, asked_body, asked_of
from orchestrator.topics import (
    TASK_ASKED,
    TASK_RETRIED,
    TASK_STARTED,
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
        self._policies = Policies(policy)
        self._mailbox = surroundings.bus.subscribe(
            command_for(self.name),
            maxsize=2 * surroundings.capacity,
            priority=lambda envelope: surroundings.graph.urgency(envelope.correlation_id),
        )
        self.handling = Handling(surroundings, policy, agent)
        self._ends = Endings(surroundings, self.name, self._mailbox)
        self._open: dict[str, OpenTask] = {}
        self._now = asyncio.get_running_loop().time
        self._workers: list[asyncio.Task[None]] = []
        self._retired = self._paused = self._stopped = False
        self._farewell: dict[str, Any] = {"error": f"agent {self.name!r} was unregistered"}
        self._attempts = 0  # that have begun and whose outcome is not published yet
        self._attempt_ended = asyncio.Event()
        self._went_on_at = self._now()

    def start(self, group: asyncio.TaskGroup) -> None:
        """Start the workers; the group owns them."""
        self._workers = [
            group.create_task(self._work(), name=f"{self.name} {number}") for number in range(self.policy.concurrency)
        ]

    def go_on(self) -> None:
        """Count from now what commands that are given again say of waits, and of time since a first attempt."""
        self._went_on_at = self._now()

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

    async def abandon(self, farewell: dict[str, Any] | None = None) -> int:
        """Give up what is left: return how many tasks that were. A worker that is recording an outcome may finish."""
        self._retired, self._farewell = True, farewell or self._farewell
        while (command := self._mailbox.receive_nowait()) is not None:
            self._open.setdefault(command.correlation_id, self._opened(command))
        left = list(self._open.values())
        self._open.clear()
        for entry in left:
            entry.interrupt()
        for entry in left:
            await self._ends.give_up(entry, self._farewell)
        self.handling.close()
        self._mailbox.close()
        return len(left)

    def stop(self) -> None:
        """Cancel the workers and the retries, close the mailbox."""
        self._stopped = True
        for worker in self._workers:
            worker.cancel()
        for entry in self._open.values():
            entry.interrupt()
        self.handling.close()
        self._mailbox.close()

    def given(self) -> tuple[tuple[str, OpenTask], ...]:
        """Return the tasks that a worker has taken and that have not ended; any thread may ask."""
        return tuple(self._open.items())

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
        worker, mailbox, breaker = this_task(), self._mailbox, self.breaker
        while True:
            command = mailbox.receive_nowait() or await mailbox.receive()
            if self._retired:  # it was handed over in the very moment of retirement
                await self._ends.give_up(self._opened(command), self._farewell)
                return
            entry = self._take(command)
            known = entry.timer is not None or entry.attempts or self._in.questions.left
            if known and await self._held_back(entry):
                continue
            entry.worker = worker
            if breaker.opened_at is not None:
                await breaker.admit()
            if self._paused:
                return
            if (entry.attempts or self._spending.active) and await self._barred(entry):
                continue
            self._attempts += 1
            try:
                await self._attempt(entry, worker)
            except asyncio.CancelledError:
                breaker.withdraw()
                raise
            finally:
                entry.worker = None
                self._attempts -= 1
                self._attempt_ended.set()
            while worker.cancelling():  # before Python 3.13 a task group in the handler may leave it counted so
                worker.uncancel()
            if mailbox.queued:
                await asyncio.sleep(0)  # what this outcome unlocked may be more urgent than what waits here

    def _opened(self, command: Envelope) -> OpenTask:
        """Return the entry of a command; one that is given again after a crash says how far the task had come."""
        task, body = self._in.graph.task(command.correlation_id), command.body
        entry = OpenTask(command, self._policies.of(task.plan_policy, task.policy), body.get("attempts", 0))
        if entry.attempts:
            entry.since = self._went_on_at - body.get("elapsed_s", 0.0)
        return entry

    def _take(self, command: Envelope) -> OpenTask:
        """Return the entry of a command that was received; where it was given again before its time, with a timer."""
        known = self._open.get(command.correlation_id)
        if known is not None:
            known.timer = None  # it is this timer that put the command back
            return known
        entry = self._open[command.correlation_id] = self._opened(command)
        if "wait_s" in command.body:
            left_s = self._went_on_at + command.body["wait_s"] - self._now()
            if left_s > 0:  # no worker may have been free before
                self._set_timer(entry, left_s)
        return entry

    async def _held_back(self, entry: OpenTask) -> bool:
        """Say whether a task that was begun before gets no attempt now: its next one is not due, or there is none."""
        if entry.timer is not None or await self._still_asks(entry):
            return True
        return entry.attempts > 0 and await self._buried(entry)

    async def _barred(self, entry: OpenTask) -> bool:
        """Say whether a task gets no attempt after all: the breaker may have taken its time, or a budget is used up."""
        if entry.attempts and await self._buried(entry):
            self.breaker.withdraw()
            return True
        return self._spending.active and await self._refused(entry)

    async def _buried(self, entry: OpenTask) -> bool:
        """End a task that gets no further attempt: the process ended in its last one, or its time is over."""
        error = entry.spent(self._now())
        if error:
            del self._open[entry.command.correlation_id]
            await self._ends.bury({"error": error}, entry, entry.command, {})
        return bool(error)

    async def _refused(self, entry: OpenTask) -> bool:
        """Say whether a budget keeps a task from an attempt, and let it go then; else the attempt is counted."""
        short = self._spending.begin(entry.command.correlation_id, self.name)
        if short is not None:
            self.breaker.withdraw()
            del self._open[entry.command.correlation_id]
            await self._ends.refuse(entry, short)
            await asyncio.sleep(0)  # thousands may wait here, and all of them go so
        return short is not None

    async def _attempt(self, entry: OpenTask, worker: asyncio.Task[None]) -> None:
        task_id = entry.command.correlation_id
        entry.begin(self._now())
        body = {"agent": self.name, "attempt": entry.attempts}
        started = await self._in.bus.publish(TASK_STARTED, body, task_id, entry.command.id)
        await self._in.journal.sync()  # the count is safe before the attempt: a task that kills us cannot loop
        begun = stopwatch()
        outcome = await self.handling.run(self.agent, started, worker, entry.policy)
        measured = {"handle_s": stopwatch() - begun}
        entry.in_handler = False
        if isinstance(outcome, Failure) and self._stopped:  # the last row of the run is written by now
            self.handling.note_hidden(task_id, entry.attempts, outcome.error)
        if self._open.get(task_id) is not entry:
            return  # given up while the handler would not be cancelled
        if isinstance(outcome, Waiting):
            self.breaker.withdraw()
            if self._spending.active:
                self._spending.withdraw(task_id, self.name)
            await self._ask(entry, outcome.question, started, measured)
            return
        if isinstance(outcome, Failure) and outcome.again:
            self.breaker.fail()
            delay = self._wait_or_end(entry, outcome)
            if not isinstance(delay, str):
                await self._retry_later(entry, outcome, delay, started, measured)
                return
            outcome = outcome._replace(error=delay)
        del self._open[task_id]  # the outcome stands: whatever becomes of this agent now, the worker records it
        if isinstance(outcome, Success):
            self.breaker.succeed()
            await self._ends.complete(outcome, entry, started, measured)
        elif not outcome.again and outcome.short is None:
            self.breaker.succeed()  # the agent answered; the task was at fault
            await self._ends.fail(outcome, entry, started, measured)
        else:
            if outcome.short is not None:
                self.breaker.withdraw()  # a budget says nothing about the agent
            await self._ends.bury(why(outcome), entry, started, measured)

    def _wait_or_end(self, entry: OpenTask, failed: Failure) -> float | str:
        """Return the seconds until the next attempt or, where none follows, the error to end with."""
        rng = functools.partial(
            seeded_random, self._in.seed, self.name, entry.command.correlation_id, str(entry.attempts)
        )
        return entry.wait_or_end(failed.error, failed.cause, failed.kinds, self._now(), rng)

    async def _retry_later(
        self, entry: OpenTask, failed: Failure, delay: float, started: Envelope, measured: dict[str, float]
    ) -> None:
        task_id = entry.command.correlation_id
        body = {"agent": self.name, "attempt": entry.attempts, **why(failed), "delay_s": delay}
        body |= self._spending.settle(task_id, self.name)
        await self._in.bus.publish(TASK_RETRIED, body, task_id, started.id, measured)
        self._set_timer(entry, delay)

    def _set_timer(self, entry: OpenTask, seconds: float) -> None:
        requeue = self._in.alarm.guard(functools.partial(self._mailbox.requeue, entry.command))
        entry.timer = asyncio.get_running_loop().call_later(seconds, requeue)

    async def _ask(self, entry: OpenTask, question: Question, started: Envelope, measured: dict[str, float]) -> None:
        """Let a task wait for a person: its attempt does not count, and neither worker nor timer is held."""
        task_id = entry.command.correlation_id
        entry.wait_for_person(self._now())
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
            entry.asked_at = self._went_on_at
            await self._in.questions.park(task_id, asked, functools.partial(self._wake, entry))
        return asked is not None

    async def _wake(self, entry: OpenTask, _answer: Answer) -> None:
        entry.go_on(self._now())
        self._mailbox.requeue(entry.command)
