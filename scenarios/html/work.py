"""Work: the tasks of a run and the attempts at them, as its rows tell of them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from typing import Any, Final

from orchestrator import topics
from orchestrator.budget import Amount
from orchestrator.messages import Envelope
from scenarios.html.blocks import pack
from scenarios.html.columns import Words, differences

#: How a task stands; places are what pages and columns hold.
STATUSES: Final = ("unfinished", *dict.fromkeys(topics.ENDINGS.values()))
#: What becomes of an attempt: it ended its task, or was followed by another one, a question, a crash or a return.
OUTCOMES: Final = ("running", "completed", "failed", "dead_lettered", "retried", "asked", "lost", "returned")
_LONGEST_REQUEST: Final = 400
_LONGEST_ERROR: Final = 1000
_STOPS_ATTEMPT: Final = {
    topics.TASK_RETRIED: "retried",
    topics.TASK_ASKED: "asked",
    topics.TASK_RETURNED: "returned",
    topics.TASK_COMPLETED: "completed",
    topics.TASK_FAILED: "failed",
    topics.TASK_DEAD_LETTERED: "dead_lettered",
}


class Tasks:
    """The tasks, by number in the order in which they are first named; lists of the same length."""

    def __init__(self) -> None:
        self.ids = Words()
        self.request: list[str] = []
        self.after: list[tuple[int, ...]] = []
        self.parent, self.agent, self.attempts = array("l"), array("l"), array("l")
        self.status = array("b")
        self.submitted, self.ended = array("d"), array("d")
        self.error: dict[int, str] = {}
        self.should_be: dict[int, int] = {}

    def place(self, task: str) -> int:
        """Return the number of a task, a new one with nothing known of it if it is new."""
        at = self.ids.place(task)
        if at == len(self.request):
            self.request.append("")
            self.after.append(())
            self.parent.append(-1)
            self.agent.append(-1)
            self.attempts.append(0)
            self.status.append(0)
            self.submitted.append(math.nan)
            self.ended.append(math.nan)
        return at

    def columns(self, begun: float) -> bytes:
        """Return all but the requests, packed; times in microseconds after `begun`, -1 for none."""
        return pack(
            {
                "id": list(self.ids),
                "after": [[at - other for other in after] for at, after in enumerate(self.after)],
                "parent": [at - parent if parent >= 0 else 0 for at, parent in enumerate(self.parent)],
                "agent": self.agent.tolist(),
                "attempts": self.attempts.tolist(),
                "status": self.status.tolist(),
                "submitted": _micros(self.submitted, begun),
                "ended": _micros(self.ended, begun),
                "error": self.error,
                "should_be": self.should_be,
            }
        )


class Attempts:
    """The attempts, in the order in which they began; lists of the same length."""

    def __init__(self) -> None:
        self.task, self.agent, self.number = array("l"), array("l"), array("l")
        self.began, self.ended = array("d"), array("d")
        self.wall_s = array("d")
        self.outcome = array("b")
        self.faults: list[tuple[int, float, str, int, int]] = []

    def begin(self, task: int, agent: int, number: int, at: float) -> int:
        """Add an attempt and return its number."""
        for column, value in ((self.task, task), (self.agent, agent), (self.number, number)):
            column.append(value)
        self.began.append(at)
        self.ended.append(math.nan)
        self.wall_s.append(math.nan)
        self.outcome.append(0)
        return len(self.task) - 1

    def end(self, attempt: int, outcome: str, at: float, wall_s: float = math.nan) -> None:
        """Note what became of an attempt."""
        self.outcome[attempt], self.ended[attempt], self.wall_s[attempt] = OUTCOMES.index(outcome), at, wall_s

    def columns(self, begun: float) -> bytes:
        """Return them packed: times in microseconds after `begun`, durations in microseconds, -1 for none."""
        lasted = (end - start for start, end in zip(self.began, self.ended, strict=True))
        return pack(
            {
                "task": differences(self.task),
                "agent": self.agent.tolist(),
                "number": self.number.tolist(),
                "began": differences(_micros(self.began, begun)),
                "lasted": [-1 if math.isnan(value) else round(value * 1e6) for value in lasted],
                "wall": [-1 if math.isnan(value) else round(value * 1e6) for value in self.wall_s],
                "outcome": self.outcome.tolist(),
                "faults": [[a, round((at - begun) * 1e6), *rest] for a, at, *rest in self.faults],
            }
        )


class Work:
    """What was to be done, what was tried, who did it and what it took."""

    def __init__(self) -> None:
        self.tasks, self.attempts, self.agents = Tasks(), Attempts(), Words()
        self.spent: dict[int, Amount] = {}
        self._open: dict[int, int] = {}
        self._takes = {
            topics.TASK_SUBMITTED: self._submitted,
            topics.TASK_STARTED: self._started,
            topics.FAULT_INJECTED: self._fault,
            topics.BUDGET_SPENT: self._spent,
            topics.TASK_JUDGED: self._judged,
            topics.TASK_REVIVED: self._revived,
            topics.RUN_STOPPED: self._stopped,
            **dict.fromkeys((*_STOPS_ATTEMPT, topics.TASK_SKIPPED, topics.TASK_ABSTAINED), self._moved),
        }

    def take(self, envelope: Envelope, task: int) -> None:
        """Take a row in; one that says nothing of work is passed over."""
        takes = self._takes.get(envelope.topic)
        if takes is not None:
            takes(envelope, task)

    def _submitted(self, envelope: Envelope, task: int) -> None:
        stated = envelope.body.get("task", {})
        tasks = self.tasks
        tasks.request[task] = str(stated.get("request", ""))[:_LONGEST_REQUEST]
        tasks.after[task] = tuple(tasks.place(str(other)) for other in stated.get("after", ()))
        if stated.get("parent"):
            tasks.parent[task] = tasks.place(str(stated["parent"]))
        tasks.submitted[task] = envelope.at

    def _started(self, envelope: Envelope, task: int) -> None:
        if task in self._open:  # whoever tried it before is gone without a word
            self.attempts.end(self._open[task], "lost", envelope.at)
        agent, number = self.agents.place(str(envelope.body.get("agent", ""))), envelope.body.get("attempt", 1)
        self._open[task] = self.attempts.begin(task, agent, number, envelope.at)
        self.tasks.agent[task] = agent
        self.tasks.attempts[task] += 1

    def _moved(self, envelope: Envelope, task: int) -> None:
        body, topic = envelope.body, envelope.topic
        attempt = self._open.pop(task, None)
        if attempt is not None:
            wall_s = (envelope.measured or {}).get("handle_s", math.nan)
            self.attempts.end(attempt, _STOPS_ATTEMPT.get(topic, "lost"), envelope.at, wall_s)
        if "spent" in body and "agent" in body:
            self._count(str(body["agent"]), body["spent"])
        if topic in topics.ENDINGS:
            self.tasks.status[task], self.tasks.ended[task] = STATUSES.index(topics.ENDINGS[topic]), envelope.at
        if body.get("error"):
            self.tasks.error[task] = str(body["error"])[:_LONGEST_ERROR]
        elif topic == topics.TASK_COMPLETED:
            self.tasks.error.pop(task, None)

    def _fault(self, envelope: Envelope, task: int) -> None:
        agent = self.agents.place(str(envelope.body.get("agent", "")))
        kind = str(envelope.body.get("kind", "fault"))
        self.attempts.faults.append((self._open.get(task, -1), envelope.at, kind, agent, task))

    def _spent(self, envelope: Envelope, _task: int) -> None:
        self._count(str(envelope.body.get("agent", "")), envelope.body)

    def _stopped(self, envelope: Envelope, _task: int) -> None:
        for _, agent, amount in envelope.body.get("spent", ()):
            self._count(str(agent), amount)

    def _count(self, agent: str, amount: Mapping[str, Any]) -> None:
        at = self.agents.place(agent)
        self.spent[at] = self.spent.get(at, Amount()).plus(Amount.from_json(amount))

    def _judged(self, envelope: Envelope, task: int) -> None:
        right = envelope.body["agent"] if envelope.body.get("right") else envelope.body.get("should_be")
        if right:
            self.tasks.should_be[task] = self.agents.place(str(right))

    def _revived(self, _envelope: Envelope, task: int) -> None:
        self.tasks.status[task] = 0


def _micros(values: array[float], begun: float) -> list[int]:
    return [-1 if math.isnan(at) else round((at - begun) * 1e6) for at in values]
