"""Progress: how far a run and its tasks had come, as recovery finds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.effects import Receipts
from orchestrator.messages import Result, Task
from orchestrator.questions import Answer, Answers, Asked


class Failures(NamedTuple):
    """How many attempts of an agent failed in a row, and when the last one was, in seconds since the epoch."""

    in_a_row: int
    last_at: float


class Enrolled(NamedTuple):
    """An agent as it was registered: the version on its card, and the digest of its handler's code."""

    version: str
    code: str


@dataclass(slots=True)
class Progress:
    """How far an unfinished task had come.

    Attributes:
        agent: who got it, or is to get it as its submitter said; empty for nobody yet.
        cause: id of the decision that it follows from; empty where nobody has decided.
        attempts: attempts begun, those that a stop cut short not counted.
        due_at: when its next attempt may begin, in seconds since the epoch; 0 for at once.
        delay_s: seconds that it had to wait for that.
        first_at: when its first attempt began, in seconds since the epoch, moved on by waits for people.
        asked: the question that it was parked on, and `answer` what a person said to it, if anybody did.
    """

    agent: str = ""
    cause: str = ""
    attempts: int = 0
    due_at: float = 0.0
    delay_s: float = 0.0
    first_at: float = 0.0
    asked: Asked | None = None
    answer: Answer | None = None

    def wait_s(self, now: float) -> float:
        """Return the seconds until its next attempt; never more than it had to wait, whatever the clock did since."""
        return round(min(max(self.due_at - now, 0.0), self.delay_s), 6)

    def elapsed_s(self, now: float) -> float:
        """Return the seconds since its first attempt began, those in which it waited for a person not counted."""
        until = self.asked.at if self.asked is not None and self.answer is None else now
        return round(max(until - self.first_at, 0.0), 6)


@dataclass(slots=True)
class Recovered:
    """How far a run had come.

    Attributes:
        rows: how many rows it has.
        last_id: number of its last envelope.
        last_row: sequence number of its last row.
        seed: of the run.
        router: fingerprint of the router that decided last.
        progress: of every task that is unfinished.
        ready: the tasks that may be worked on, in no order.
        owed: ends of tasks that followed from the end of another one, and are not on record yet.
        withdrawn: tasks that an attempt added which was then cut short: it will add them again.
        receipts: of effects of unfinished tasks.
        answers: that people gave to unfinished tasks.
        failures: by agent, of those that failed last.
        agents: as they were registered last.
    """

    rows: int = 0
    last_id: int = 0
    last_row: int = 0
    seed: int = 0
    router: str = ""
    progress: dict[str, Progress] = field(default_factory=dict)
    ready: dict[str, Task] = field(default_factory=dict)
    owed: dict[str, Result] = field(default_factory=dict)
    withdrawn: tuple[str, ...] = ()
    receipts: dict[str, Receipts] = field(default_factory=dict)
    answers: dict[str, Answers] = field(default_factory=dict)
    failures: dict[str, Failures] = field(default_factory=dict)
    agents: dict[str, Enrolled] = field(default_factory=dict)

    def left_open(self) -> dict[str, Asked]:
        """Return the questions of agents that nobody has answered, by task."""
        waiting = ((name, one.asked) for name, one in self.progress.items() if one.asked and not one.answer)
        return {name: asked for name, asked in waiting if asked.agent}
