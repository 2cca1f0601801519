"""The heartbeat: says in the log and puts on record when the loop of a run stops turning, and when it turns again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from orchestrator.alarm import Alarm
from orchestrator.bus import Bus
from orchestrator.clock import Clock, VirtualClock, new_envelope_id
from orchestrator.errors import BusClosedError, JournalError
from orchestrator.journal import Journal, SqliteJournal, write_aside
from orchestrator.messages import Envelope
from orchestrator.pulse import Blocked, Pulse
from orchestrator.supervisor import Supervisor
from orchestrator.topics import RUN_BLOCKED, RUN_UNBLOCKED

if TYPE_CHECKING:
    import structlog

#: Tasks in flight that are named where it is not known whose the loop is.
_MOST: Final = 5


class Heartbeat:
    """Watches the loop of a run from a thread of its own, and tells what it finds.

    `run.blocked` is logged and on the disk while the loop still stands: the thread writes it, for the loop cannot.
    `run.unblocked` is published once it turns again. A run in virtual time has none: there, blocking functions run
    on the loop's own thread.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        journal: Journal,
        supervisor: Supervisor,
        clock: Clock,
        alarm: Alarm,
        after_s: float,
        logger: structlog.typing.FilteringBoundLogger | None,
    ) -> None:
        self._bus, self._journal, self._supervisor = bus, journal, supervisor
        self._clock, self._logger = clock, logger
        self._pulse = Pulse(after_s, self, alarm) if after_s and not isinstance(clock, VirtualClock) else None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin; the group owns what is published."""
        self._group = group
        if self._pulse is not None:
            self._pulse.start()

    def stop(self) -> None:
        """Watch no more."""
        if self._pulse is not None:
            self._pulse.stop()

    # -- what the pulse asks and says --------------------------------------------------------------------------------

    def who(self, running: asyncio.Task[Any] | None) -> Mapping[str, Any]:
        """Return whose attempt it is; an asyncio.Task that a handler made is known by its name alone."""
        held = self._supervisor.holder(running)
        if held or running is None:
            return held
        return {"holder": running.get_name(), "in_flight": self._supervisor.in_flight()[:_MOST]}

    def blocked(self, found: Blocked) -> None:
        """Log it and write it aside; called in the thread of the pulse."""
        body = _body(found)
        if self._logger is not None:
            self._logger.warning(RUN_BLOCKED, **body, blocked_s=round(found.seconds, 3))
        if not isinstance(self._journal, SqliteJournal):
            return
        measured = {"blocked_s": found.seconds}
        task, now = body.get("task", ""), self._clock.now()
        try:
            write_aside(self._journal, Envelope(new_envelope_id(), RUN_BLOCKED, task, "", now, body, measured))
        except JournalError as error:
            if self._logger is not None:
                self._logger.warning("run.blocked is not on record", error=str(error))

    def turning(self, found: Blocked) -> None:
        """Publish how long it was; called in the loop."""
        body = _body(found)
        if self._logger is not None:
            self._logger.warning(RUN_UNBLOCKED, **body, blocked_s=round(found.seconds, 3))
        self._group.create_task(self._publish(body, found.seconds), name="heartbeat")

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _publish(self, body: dict[str, Any], seconds: float) -> None:
        try:
            await self._bus.publish(RUN_UNBLOCKED, body, body.get("task", ""), "", {"blocked_s": seconds})
        except BusClosedError:  # the run has stopped
            return


def _body(found: Blocked) -> dict[str, Any]:
    return {**found.holder, **found.standpoint.to_json()}
