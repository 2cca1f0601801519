"""The reference of a run: tasks, what each waits for, how it ended. Nothing of the code that it is held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from orchestrator.messages import Envelope, OnFailure
from orchestrator.topics import ENDINGS

MAX_ATTEMPTS: Final = {"a": 3, "b": 100}
CONCURRENCY: Final = {"a": 12, "b": 2}
BACKOFF_S: Final = 1.0


@dataclass
class Reference:
    """What a run is, in a page.

    Attributes:
        after: what each task waits for.
        agent, on_failure: of each task, as it was submitted.
        ended: how each task ended that has.
        due: when the next attempt of a task may begin that waits for it, in virtual seconds.
    """

    after: dict[str, set[str]] = field(default_factory=dict)
    agent: dict[str, str] = field(default_factory=dict)
    on_failure: dict[str, OnFailure] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, agent: str, after: Iterable[str], on_failure: OnFailure) -> None:
        """Take a task in."""
        self.after[name], self.agent[name], self.on_failure[name] = set(after), agent, on_failure
        self._settle()

    def complete(self, name: str, children: Iterable[str]) -> None:
        """End a task well. Each child waits for it, and for the child before; its heirs wait for all of them, too."""
        heirs = [other for other in self.open if name in self.after[other]]
        family = {name}
        for child in children:
            self.after[child], self.agent[child], self.on_failure[child] = set(family), self.agent[name], "fail"
            family.add(child)
        for heir in heirs:
            self.after[heir] |= family
        self.end(name, "completed")

    def fail_once(self, name: str, attempt: int, at: float) -> None:
        """Let an attempt fail: the next one is due after the backoff, unless it was the last one."""
        if attempt >= MAX_ATTEMPTS[self.agent[name]]:
            self.end(name, "dead_lettered")
        else:
            self.due[name] = at + BACKOFF_S

    def resume(self, attempts: Mapping[str, int], now: float) -> None:
        """Go on after a crash: whose last permitted attempt it cut short gets no other."""
        while used_up := [name for name in self.runnable(now) if attempts[name] >= MAX_ATTEMPTS[self.agent[name]]]:
            self.end(used_up[0], "dead_lettered")

    def end(self, name: str, status: str) -> None:
        """End a task, and those that are lost with it."""
        self.ended[name] = status
        self._settle()

    @property
    def open(self) -> set[str]:
        """Who has not ended."""
        return self.after.keys() - self.ended.keys()

    @property
    def ready(self) -> set[str]:
        """Whose dependencies have ended, of those that have not themselves."""
        return {name for name in self.open if self.after[name] <= self.ended.keys()}

    def runnable(self, now: float) -> set[str]:
        """Who is ready and does not wait for another attempt."""
        return {name for name in self.ready if self.due.get(name, 0.0) <= now}

    def copy(self) -> Reference:
        """Return one that does not change with this."""
        after = {name: set(others) for name, others in self.after.items()}
        return Reference(after, dict(self.agent), dict(self.on_failure), dict(self.ended), dict(self.due))

    def _settle(self) -> None:
        """End what waits for a task that did not complete, as it says itself."""
        broken = {name for name, status in self.ended.items() if status != "completed"}
        while lost := [n for n in self.open if self.on_failure[n] != "continue" and self.after[n] & broken]:
            for name in lost:
                self.ended[name] = "skipped" if self.on_failure[name] == "skip" else "failed"
            broken.update(lost)


def count_attempts(record: Iterable[Envelope]) -> Counter[str]:
    """Return how many attempts at each task count: begun, on record, and not cut short by a stop. A crash counts."""
    counted: Counter[str] = Counter()
    going_on: set[str] = set()
    for row in record:
        if row.topic == "task.started":
            counted[row.correlation_id] += 1
            going_on.add(row.correlation_id)
        elif row.topic in ("task.retried", *ENDINGS):
            going_on.discard(row.correlation_id)
        elif row.topic == "run.stopped":
            counted.subtract(going_on)
        elif row.topic == "run.resumed":
            going_on.clear()
    return counted
