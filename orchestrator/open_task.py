"""The open task: owns what an agent's runner knows of a task that it has yet to end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from orchestrator.messages import Envelope


@dataclass(slots=True)
class OpenTask:
    """A task that this agent has yet to end: its command, the attempts begun, and who or what moves it on."""

    command: Envelope
    attempts: int
    timer: asyncio.TimerHandle | None = None
    worker: asyncio.Task[None] | None = None
    in_handler: bool = False

    def interrupt(self) -> None:
        """Cancel whatever moves it on."""
        if self.timer is not None:
            self.timer.cancel()
        if self.worker is not None:
            self.worker.cancel()


def opened(command: Envelope) -> OpenTask:
    """Return the entry of a command; one that is given again after a crash says how many attempts were begun."""
    return OpenTask(command, command.body.get("attempts", 0))


def this_task() -> asyncio.Task[Any]:
    """Return the worker that calls this."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a worker runs in an asyncio.Task")
    return task
