"""The open task: owns what a runner knows of a task that it has yet to end, and when its next attempt is due."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator.causes import Cause
from orchestrator.messages import Envelope
from orchestrator.policy import Policy


@dataclass(slots=True)
class OpenTask:
    """A task that this agent has yet to end: its command, the attempts begun, and who or what moves it on.

    Attributes:
        command: what the mailbox gave.
        policy: how it is run.
        attempts: attempts begun, those that a person's answer is waited for not counted.
        since: when the first of them began, on the loop's clock; waits for people are no part of the time since.
        asked_at: when it began to wait for a person, if it does.
        last_error: of the last attempt that failed in this process; empty for none.
        timer: puts it back into the mailbox.
        worker: who has it in hand.
        in_handler: whether the handler runs.
    """

    command: Envelope
    policy: Policy
    attempts: int = 0
    since: float = 0.0
    asked_at: float | None = None
    last_error: str = ""
    timer: asyncio.TimerHandle | None = None
    worker: asyncio.Task[None] | None = None
    in_handler: bool = False

    def begin(self, now: float) -> None:
        """Count an attempt that begins now."""
        self.attempts += 1
        if self.attempts == 1:
            self.since = now
        self.in_handler = True

    def wait_for_person(self, now: float) -> None:
        """Take back the attempt: it ended by asking a person."""
        self.attempts -= 1
        self.asked_at = now
        self.worker = None  # a stop from now on interrupts nothing

    def go_on(self, now: float) -> None:
        """Go on after a person has answered."""
        if self.asked_at is not None:
            self.since += now - self.asked_at
            self.asked_at = None

    def wait_or_end(
        self, error: str, cause: Cause, kinds: tuple[str, ...], now: float, rng: Callable[[], random.Random]
    ) -> float | str:
        """Return the seconds to wait after a failed attempt or, where no other follows, the error to end with.

        Args:
            error: what happened, in one line.
            cause: of the failure.
            kinds: names of the exception's classes, if there was one.
            now: on the loop's clock.
            rng: makes what draws the jitter.
        """
        retry = self.policy.retry
        if self.attempts >= retry.max_attempts:
            return error
        why = retry.why_not(cause, kinds)
        if why:
            return _not_retried(error, why)
        delay = round(retry.delay(self.attempts, rng()), 6)
        why = retry.too_late(now + delay - self.since)
        if why:
            return _not_retried(error, why)
        self.last_error = error
        return delay

    def spent(self, now: float) -> str:
        """Say why a task of which attempts were begun gets no further one; nothing where it does."""
        retry = self.policy.retry
        if self.attempts >= retry.max_attempts:
            return f"the process ended in attempt {self.attempts} of {retry.max_attempts}"
        why = retry.too_late(now - self.since)
        if not why:
            return ""
        return _not_retried(self.last_error or f"attempt {self.attempts} did not complete", why)

    def interrupt(self) -> None:
        """Cancel whatever moves it on."""
        if self.timer is not None:
            self.timer.cancel()
        if self.worker is not None:
            self.worker.cancel()


def _not_retried(error: str, why: str) -> str:
    return f"{error} (not retried: {why})"


def this_task() -> asyncio.Task[Any]:
    """Return the worker that calls this."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a worker runs in an asyncio.Task")
    return task
