"""The story: everything that a report tells of one run, gathered in one pass over its rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from orchestrator.errors import JournalError
from orchestrator.messages import Envelope
from orchestrator.topics import TASK_ABSTAINED, TASK_ASKED, TASK_DEAD_LETTERED, TASK_ROUTED
from scenarios.html.choices import Choices
from scenarios.html.events import Events
from scenarios.html.figures import by_agent, confusion, hand_overs, rivals, statuses
from scenarios.html.ledger import Ledger
from scenarios.html.provenance import Provenance
from scenarios.html.work import STATUSES, Work

if TYPE_CHECKING:
    from scenarios.coverage import Coverage

_MOST_TOLD: Final = 1000
#: Rows in which a decision of the router stands, if one was taken there.
_DECIDED: Final = frozenset({TASK_ROUTED, TASK_ABSTAINED, TASK_DEAD_LETTERED, TASK_ASKED})


class Placed(Protocol):
    """A row, or what is like one."""

    @property
    def sequence(self) -> int:
        """Where it stands in its journal or file."""
        ...

    @property
    def envelope(self) -> Envelope:
        """What happened."""
        ...


class Story:
    """One run, gathered.

    Attributes:
        run: its id.
        source: the journal or file that it was read from.
        events, work, choices, provenance, ledger: its parts.
    """

    def __init__(self, run: str, source: str) -> None:
        self.run, self.source = run, source
        self.events, self.work, self.provenance, self.ledger = Events(), Work(), Provenance(), Ledger()
        self.choices = Choices(self.work.agents)

    def take(self, sequence: int, envelope: Envelope) -> None:
        """Take a row in."""
        named, topic, tasks = envelope.correlation_id, envelope.topic, self.work.tasks
        ours = topic.startswith("task.")  # what others publish may be about anything
        task = -1 if not named else tasks.place(named) if ours else tasks.ids.find(named)
        if topic in _DECIDED and "decision" in envelope.body:
            self.choices.take(envelope.body["decision"], task, len(self.events))
        self.events.take(sequence, envelope, task)
        self.work.take(envelope, task)
        self.ledger.take(envelope)
        if not named:
            self.provenance.take(envelope)

    @property
    def whole(self) -> bool:
        """Whether every task completed, and there was one."""
        counts = statuses(self.work)
        return set(counts) == {"completed"}

    def odd_tasks(self) -> list[int]:
        """Return the tasks that did not complete, by number."""
        completed = STATUSES.index("completed")
        return [at for at, status in enumerate(self.work.tasks.status) if status != completed]

    def to_json(self) -> dict[str, Any]:
        """Return what the report says of the run, without the rows themselves; at most a thousand of any list."""
        tasks, agents, events = self.work.tasks, list(self.work.agents), self.events
        ids = list(tasks.ids)
        first, last = (events.at[0], events.at[-1]) if len(events) else (None, None)
        odd = self.odd_tasks()
        return {
            "run": self.run,
            "source": self.source,
            "rows": len(events),
            "first_at": first,
            "last_at": last,
            "completed": self.whole,
            "tasks": statuses(self.work),
            "attempts": len(self.work.attempts.task),
            "faults": len(self.work.attempts.faults),
            "decisions": len(self.choices),
            "not_completed": [
                {
                    "task": ids[at],
                    "status": STATUSES[tasks.status[at]],
                    "agent": agents[tasks.agent[at]] if tasks.agent[at] >= 0 else None,
                    "attempts": tasks.attempts[at],
                    "error": tasks.error.get(at, ""),
                }
                for at in odd[:_MOST_TOLD]
            ],
            "agents": [one.to_json() for one in by_agent(self.work)],
            "hand_overs": _listed(hand_overs(self.work)),
            "leader_and_second": _listed(rivals(self.choices, self.work.agents)),
            "should_be_and_was": _listed(confusion(self.work)),
            "begun": self.provenance.begun,
            "stopped": self.provenance.stopped,
            "registered": self.provenance.agents,
            "fingerprints": self.choices.fingerprints,
            "redacted": {"profile": self.ledger.profile, "times": dict(self.ledger.times)},
        }


def tell(run: str, rows: Iterable[Placed], source: str = "", coverage: Coverage | None = None) -> Story:
    """Return the story of a run.

    Args:
        run: its id.
        rows: all of its rows, in order.
        source: where they stand, for those who read it.
        coverage: hears the rows, too.

    Raises:
        JournalError: if a row is not what an orchestrator writes, or cannot be read.
    """
    story = Story(run, source)
    at = 0

    def taken() -> Iterator[Envelope]:
        nonlocal at
        for row in rows:
            at = row.sequence
            story.take(at, row.envelope)
            yield row.envelope

    try:
        if coverage is not None:
            coverage.hear(run, taken())
        else:
            deque(taken(), maxlen=0)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise JournalError(
            f"row {at} of {run!r} is not what an orchestrator writes: {error!r}; run `pointsman journal verify`"
        ) from error
    return story


def _listed(pairs: Any) -> list[list[Any]]:
    return [[*pair, count] for pair, count in pairs.most_common(_MOST_TOLD)]
