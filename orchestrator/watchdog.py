"""The watchdog: names a run in which nothing happens any more, and what it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from orchestrator.bus import Bus
from orchestrator.clock import Clock, VirtualClock
from orchestrator.errors import BusClosedError
from orchestrator.graph import TaskGraph
from orchestrator.journal import Journal, MemoryJournal
from orchestrator.questions import Questions
from orchestrator.stuck import Stuck
from orchestrator.supervisor import Supervisor
from orchestrator.topics import RUN_STUCK

if TYPE_CHECKING:
    import structlog

#: Tasks that are named, and for each of them tasks that it waits for.
_MOST: Final = 20
#: Nothing is said twice within this many seconds, however long it lasts.
_RAREST_S: Final = 86_400.0
#: In virtual time, where a day passes at once, it is said so many times in a row, and then left at that.
_OFTEN_ENOUGH: Final = 16
#: Seconds that saying so may wait for subscribers; it is on record at once.
_SAYING_S: Final = 1.0


class Watchdog:
    """Looks every `after_s` seconds whether anything happened; if not, says so, and after twice the time again.

    A run is stuck that has unfinished tasks and had no new row meanwhile, and in which no handler runs, no timer will
    ring and nobody is asked; or in which publishers wait for a subscription that nobody reads; or whose rows do not
    get to the disk.

    Attributes:
        last: what was found last; None where nothing ever was.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        graph: TaskGraph,
        supervisor: Supervisor,
        questions: Questions,
        journal: Journal,
        clock: Clock,
        after_s: float,
        logger: structlog.typing.FilteringBoundLogger | None,
    ) -> None:
        self._bus, self._graph, self._supervisor, self._questions = bus, graph, supervisor, questions
        self._journal, self._after_s, self._logger = journal, after_s, logger
        self._real = not isinstance(clock, VirtualClock)
        self._watching: asyncio.Task[None] | None = None
        self.last: Stuck | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin; the group owns the loop."""
        if self._after_s:
            self._watching = group.create_task(self._watch(), name="watchdog")

    def stop(self) -> None:
        """Watch no more."""
        if self._watching is not None:
            self._watching.cancel()

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        silent_s, pause_s, before, in_a_row = 0.0, self._after_s, self._marks(), 0
        while self._real or in_a_row < _OFTEN_ENOUGH:
            await asyncio.sleep(pause_s)
            after = self._marks()
            silent_s, before = (silent_s + pause_s if after == before else 0.0), after
            if silent_s and (found := self._look(silent_s)):
                await self._say(found)
                before = self._marks()
                pause_s, in_a_row = min(2 * pause_s, _RAREST_S), in_a_row + 1
            else:
                pause_s, in_a_row = self._after_s, 0

    def _marks(self) -> tuple[int, int]:
        return self._bus.statistics().published, self._journal.statistics().durable

    def _look(self, silent_s: float) -> Stuck | None:
        if not self._graph.open:
            return None
        full, not_on_disk = self._bus.statistics().full, self._not_on_disk()
        if not full and not not_on_disk and (self._questions.open or self._supervisor.in_motion()):
            return None
        agents = self._supervisor.standings()
        return Stuck(silent_s, self._graph.open, self._tasks(), agents, full, not_on_disk)

    def _not_on_disk(self) -> int:
        if isinstance(self._journal, MemoryJournal):  # it has none
            return 0
        rows = self._journal.statistics()
        return rows.appended - rows.durable

    def _tasks(self) -> tuple[Mapping[str, Any], ...]:
        given = self._supervisor.given()
        return tuple(self._task(name, given.get(name, {})) for name in self._graph.unfinished()[:_MOST])

    def _task(self, task_id: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        awaited = self._graph.awaited(task_id)[:_MOST]
        found = {"task": task_id, "state": "waiting" if awaited else "ready", **given}
        return {**found, "after": awaited} if awaited else found

    async def _say(self, found: Stuck) -> None:
        self.last = found
        body = found.to_json()
        if self._logger is not None:
            self._logger.warning(RUN_STUCK, **body)
        try:
            async with asyncio.timeout(_SAYING_S):
                await self._bus.publish(RUN_STUCK, body)
        except (TimeoutError, BusClosedError):
            pass  # it is recorded; whoever does not read is what the run waits for
