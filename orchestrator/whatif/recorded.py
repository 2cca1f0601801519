"""The recorded run: its tasks, its decisions one by one, and the rules that each was taken by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from orchestrator.errors import JournalError
from orchestrator.journal import Row
from orchestrator.messages import Envelope, Task
from orchestrator.topics import (
    AGENT_REGISTERED,
    AGENT_UNREGISTERED,
    ENDINGS,
    RUN_RESUMED,
    RUN_STARTED,
    TASK_ABSTAINED,
    TASK_ASKED,
    TASK_DEAD_LETTERED,
    TASK_REVIVED,
    TASK_ROUTED,
    TASK_STARTED,
    TASK_SUBMITTED,
)

if TYPE_CHECKING:
    from router.calibration import Calibration

#: Where decisions stand: one for nobody that people are asked about in their question, one that a budget made void in
#: the dead letter.
DECIDED: Final = (TASK_ROUTED, TASK_ABSTAINED, TASK_ASKED, TASK_DEAD_LETTERED)
#: The topics that this reads.
READ: Final = tuple(
    dict.fromkeys(
        (
            *(RUN_STARTED, RUN_RESUMED, AGENT_REGISTERED, AGENT_UNREGISTERED, TASK_SUBMITTED, TASK_STARTED),
            *(TASK_REVIVED, *DECIDED, *ENDINGS),
        )
    )
)


@contextmanager
def as_written(sequence: int, topic: str) -> Iterator[None]:
    """Give the errors of reading what is no row of a run a name.

    Raises:
        JournalError: in their stead.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise JournalError(
            f"row {sequence} ({topic}) is not what a run writes: {error!r}; run `pointsman doctor`"
        ) from error


@dataclass(frozen=True, slots=True)
class Rules:
    """What a run does with a decision, and how its scores become a confidence.

    Attributes:
        known: whether that is on record; a run of an older version has none, and is taken to be as the defaults say.
        fallback: who gets what the router abstains on; empty for nobody.
        asks: whether people are asked about that.
        explore: share of tasks that may go to another than the leader.
        calibration: of the router, as a JSON object; None where it has none, or it is not on record.
    """

    known: bool = False
    fallback: str = ""
    asks: bool = False
    explore: float = 0.0
    calibration: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Rules:
        """Return the rules that the row says with which a run began, or went on."""
        if "routing" not in body:
            return cls()
        told = body["routing"]
        return cls(
            known=True,
            fallback=told.get("fallback", ""),
            asks=told.get("when_abstained") == "ask",
            explore=told.get("explore", 0.0),
            calibration=told.get("calibration"),
        )


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision on record.

    Attributes:
        sequence: number of its row.
        run, seed: of the run.
        task: which.
        request: what was wanted.
        topic: of its row.
        decision: the record itself.
        registered: the agents that there were.
        rules: by which it was taken.
    """

    sequence: int
    run: str
    seed: int
    task: str
    request: str
    topic: str
    decision: Mapping[str, Any]
    registered: frozenset[str]
    rules: Rules

    @property
    def chosen(self) -> str:
        """Who got the task; empty for nobody."""
        return self.decision["chosen"] or ""

    @property
    def candidates(self) -> frozenset[str]:
        """Whom the router weighed, the vetoed included."""
        columns = self.decision["candidates"]
        return frozenset(columns["names"] if isinstance(columns, Mapping) else (one["name"] for one in columns))

    @property
    def calibration(self) -> Calibration | None:
        """How the router's scores became a confidence; None where that is not on record."""
        from router.calibration import Calibration

        told = self.rules.calibration
        return None if told is None else Calibration.from_json(told)

    @property
    def asked_router(self) -> bool:
        """Whether the router was asked; and decided; not where somebody said who gets the task."""
        return "candidates" in self.decision and self.decision["policy"] != "replaced"


class RecordedRun:
    """What the rows of a run say, as far as they were heard.

    Attributes:
        run: its id.
        tasks: by id, in the order of submission.
        endings: the last end of each task.
        begun: tasks of which an attempt began.
        agents: all that were ever registered.
        rules: as of the last row.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self.tasks: dict[str, Task] = {}
        self.endings: dict[str, Envelope] = {}
        self.begun: set[str] = set()
        self.agents: set[str] = set()
        self.rules = Rules()
        self._seed = 0
        self._asked: dict[str, Mapping[str, Any]] = {}  # decisions that people are asked about
        self._registered: frozenset[str] = frozenset()
        self._appliers: dict[str, Callable[[Envelope], None]] = {
            RUN_STARTED: self._run_begun,
            RUN_RESUMED: self._run_begun,
            AGENT_REGISTERED: self._agent_registered,
            AGENT_UNREGISTERED: self._agent_unregistered,
            TASK_SUBMITTED: self._task_submitted,
            TASK_STARTED: self._task_started,
            TASK_REVIVED: self._task_revived,
        }

    def hear(self, rows: Iterable[Row]) -> Iterator[Decided]:
        """Go through rows, and yield each decision as it passes by.

        Raises:
            JournalError: if one of them is none that a run writes.
        """
        for row in rows:
            with as_written(row.sequence, row.envelope.topic):
                decided = self._take(row)
            if decided is not None:
                yield decided

    def _take(self, row: Row) -> Decided | None:
        envelope = row.envelope
        apply = self._appliers.get(envelope.topic)
        if apply is not None:
            apply(envelope)
        if envelope.topic in ENDINGS:
            self.endings[envelope.correlation_id] = envelope
        known = (
            envelope.topic in DECIDED and envelope.correlation_id in self.tasks
        )  # else somebody made the row by hand
        decision = envelope.body.get("decision") if known else None
        if not decision or decision == self._asked.pop(envelope.correlation_id, None):
            return None  # or a person has answered "nobody": that is the decision that was asked about
        if envelope.topic == TASK_ASKED:
            self._asked[envelope.correlation_id] = decision
        return self._decided(row, decision)

    def _decided(self, row: Row, decision: Mapping[str, Any]) -> Decided:
        self._guess(decision, row.envelope.topic)
        task = row.envelope.correlation_id
        request = self.tasks[task].request
        about = (row.envelope.topic, decision, self._registered, self.rules)
        return Decided(row.sequence, self.run, self._seed, task, request, *about)

    def _guess(self, decision: Mapping[str, Any], topic: str) -> None:
        """Take from a decision what an older record of the run does not say of its settings."""
        if self.rules.known:
            return
        if decision["policy"] == "fallback":
            self.rules = replace(self.rules, fallback=decision["chosen"])
        elif topic == TASK_ASKED:
            self.rules = replace(self.rules, asks=True)

    def _run_begun(self, envelope: Envelope) -> None:
        self._seed, self.rules = envelope.body.get("seed", 0), Rules.of(envelope.body)

    def _agent_registered(self, envelope: Envelope) -> None:
        self.agents.add(envelope.body["agent"])
        self._registered = self._registered | {envelope.body["agent"]}

    def _agent_unregistered(self, envelope: Envelope) -> None:
        self._registered = self._registered - {envelope.body["agent"]}

    def _task_submitted(self, envelope: Envelope) -> None:
        self.tasks[envelope.correlation_id] = Task.from_json(envelope.body["task"])

    def _task_started(self, envelope: Envelope) -> None:
        self.begun.add(envelope.correlation_id)

    def _task_revived(self, envelope: Envelope) -> None:
        self.endings.pop(envelope.correlation_id, None)
