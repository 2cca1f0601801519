"""The desk: takes tasks in, up to the capacity of the run, and hands results out once they are safe."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from orchestrator.bus import Bus
from orchestrator.errors import BusClosedError, CapacityError, NotJsonError, PointsmanError, StoppedError
from orchestrator.graph import TaskGraph
from orchestrator.journal import Journal, check_json
from orchestrator.messages import Envelope, Result, Task
from orchestrator.spending import Spending
from orchestrator.topics import ENDINGS, TASK_FAILED, TASK_SKIPPED, TASK_SUBMITTED

_new: Final = tuple.__new__


@dataclass(frozen=True, slots=True)
class Ticket:
    """What `submit` returns: the task, and a way to its result."""

    task: Task
    _outcome: asyncio.Future[Result] = field(repr=False)

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id

    async def result(self, timeout_s: float | None = None) -> Result:
        """Wait for the result; it is in the journal, on the disk, before it is returned here.

        Without `timeout_s` the wait ends with the task, which its agent's policy bounds, or with the orchestrator.

        Raises:
            StoppedError: if the orchestrator stopped first.
            TimeoutError: if `timeout_s` seconds passed first; the task goes on.
        """
        if self._outcome.done():
            return self._outcome.result()
        async with asyncio.timeout(timeout_s):
            return await asyncio.shield(self._outcome)


class Desk:
    """Takes tasks in and hands results out.

    The bound of the run is here, at the door: `submit` waits, in order of arrival, while its tasks and those that are
    unfinished are more than `capacity`. So no queue behind it can be full, and no agent's backlog holds up another
    agent's tasks. A caller cancelled at the door has submitted nothing; one cancelled later has submitted everything.
    """

    def __init__(self, *, bus: Bus, graph: TaskGraph, journal: Journal, spending: Spending, capacity: int) -> None:
        self._bus, self._graph, self._journal, self._capacity = bus, graph, journal, capacity
        self._spending = spending
        self._subscription = bus.subscribe(*ENDINGS, maxsize=4 * capacity)
        self._open: dict[str, asyncio.Future[Result]] = {}
        self._door: deque[tuple[asyncio.Future[None], int]] = deque()
        self._let_in = 0  # tasks of those who were let in and have not woken up yet
        graph.on_end = self._look
        self._idle = asyncio.Event()
        self._closed = self._abandoned = False

    async def submit(self, tasks: Sequence[Task]) -> list[Ticket]:
        """Take tasks in, all or none, and return once that is in the journal, on the disk.

        Raises:
            GraphError: if they do not fit together, or with the tasks of this run; names the culprit.
            CapacityError: if there are more of them than the run may ever hold.
            NotJsonError: if one of them cannot be recorded.
            PointsmanError: if the orchestrator no longer takes tasks.
        """
        if len(tasks) > self._capacity:
            raise CapacityError(self._capacity, len(tasks))
        records = [(task.id, {"task": task.to_json()}) for task in tasks]
        _check(records)
        await self._enter(len(tasks))
        try:
            self._graph.add(tasks, held=True)
        finally:
            self._look()  # if these were refused, whoever stands behind them may enter
        self._spending.add(tasks)
        loop = asyncio.get_running_loop()
        tickets = [Ticket(task, loop.create_future()) for task in tasks]
        for ticket in tickets:
            self._open[ticket.id] = ticket._outcome  # noqa: SLF001 - a ticket is the desk's own
        await self._bus.publish_all(TASK_SUBMITTED, records, "")
        await self._journal.sync()
        return tickets

    def reopen(self) -> None:
        """Expect the results of all tasks of the graph that are unfinished: an earlier process took them in."""
        loop = asyncio.get_running_loop()
        self._open.update((task_id, loop.create_future()) for task_id in self._graph.unfinished())

    async def hand_out_results(self) -> None:
        """Resolve tickets as tasks end, until the bus closes: the desk's own loop."""
        while True:
            try:
                endings = [await self._subscription.receive()]
            except BusClosedError:
                return
            while more := self._subscription.receive_nowait():
                endings.append(more)
            await self._journal.sync()
            for envelope in endings:
                self._resolve(envelope)
            self._subscription.done(len(endings))
            self._look()

    async def idle(self) -> None:
        """Wait until no task is unfinished.

        Raises:
            StoppedError: if the orchestrator stopped first; names one of those left.
        """
        while self._graph.open or self._open:
            if self._abandoned:
                raise StoppedError(next(iter(self._graph.unfinished()), ""))
            self._idle.clear()
            await self._idle.wait()

    def close(self) -> None:
        """Take nothing more in; those who wait at the door are told."""
        self._closed = True
        while self._door:
            waiter, _ = self._door.popleft()
            if not waiter.done():
                waiter.set_exception(_stopping())

    def abandon(self) -> None:
        """Tell everyone who still waits for a result, or for the end of all tasks, that it will not come."""
        for task_id, outcome in self._open.items():
            if not outcome.done():
                outcome.set_exception(StoppedError(task_id))
                outcome.exception()  # retrieved: nobody may be waiting
        self._open.clear()
        self._abandoned = True
        self._idle.set()

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _enter(self, count: int) -> None:
        """Return when there is room for `count` tasks; the caller adds them before it waits for anything else."""
        if self._closed:
            raise _stopping()
        if not self._door and self._has_room(count):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._door.append((waiter, count))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._let_in -= count
            self._look()
            raise
        self._let_in -= count
        if self._closed:
            raise _stopping()

    def _has_room(self, count: int) -> bool:
        return self._graph.open + self._let_in + count <= self._capacity

    def _resolve(self, envelope: Envelope) -> None:
        outcome = self._open.pop(envelope.correlation_id, None)
        if outcome is not None and not outcome.done():
            # The dispatcher has made it, unless it has not come to this ending yet.
            outcome.set_result(self._graph.result(envelope.correlation_id) or result_of(envelope))

    def _look(self) -> None:
        """Let in those at the door for whom there is room now, the first first; tell those who wait for idleness."""
        while self._door and (self._door[0][0].done() or self._has_room(self._door[0][1])):
            waiter, count = self._door.popleft()
            if not waiter.done():
                self._let_in += count
                waiter.set_result(None)
        if not self._graph.open and not self._open:
            self._idle.set()


def _check(records: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Refuse tasks that cannot be recorded, all of them looked at in one go; only where one is at fault, which one."""
    try:
        check_json([record for _, record in records], "what was submitted")
    except NotJsonError:
        for name, record in records:
            check_json(record, f"task {name!r}")
        raise


def _stopping() -> PointsmanError:
    return PointsmanError("the orchestrator is stopping and takes no more tasks; start another run for these")


def result_of(envelope: Envelope) -> Result:
    """Return the result that an ending, as published on one of the topics in `ENDINGS`, stands for."""
    said = envelope.body.get
    fields = (said("agent", ""), said("output"), said("error", ""), said("attempts", 0))
    # What Result(...) does, without a Python call: it is made twice a task.
    return _new(Result, (envelope.correlation_id, ENDINGS[envelope.topic], *fields))


async def publish_inherited(bus: Bus, result: Result, causation_id: str) -> None:
    """Publish the end of a task that ended because of another one's end."""
    topic = TASK_SKIPPED if result.status == "skipped" else TASK_FAILED
    body = {"agent": "", "attempts": 0, "error": result.error}
    await bus.publish(topic, body, result.task_id, causation_id)
