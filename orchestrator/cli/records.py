"""Records: the routing decisions in a journal, as `decisions` and `why` read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from orchestrator.topics import TASK_ABSTAINED, TASK_DEAD_LETTERED, TASK_ROUTED

if TYPE_CHECKING:
    from orchestrator.journal import JournalReader, Row

#: Where decisions stand; a dead letter bears one where nobody got the task because a budget was used up.
DECIDED: Final = (TASK_ROUTED, TASK_ABSTAINED, TASK_DEAD_LETTERED)


@dataclass(frozen=True, slots=True)
class Record:
    """One decision: where its row stands, when it was taken, the record itself, and how long it took (measured)."""

    sequence: int
    run: str
    at: float
    decision: dict[str, Any]
    route_s: float | None

    @property
    def chosen(self) -> str:
        """The agent that got the task; empty where the router abstained."""
        return self.decision.get("chosen") or ""

    @property
    def reason(self) -> str:
        """Why the router abstained; empty where it did not."""
        return self.decision.get("abstained") or ""

    def to_json(self) -> dict[str, Any]:
        """Return the whole record, and where it stands."""
        where = {"sequence": self.sequence, "run": self.run, "at": self.at, "route_s": self.route_s}
        return {**where, **self.decision}


def read_records(reader: JournalReader, *, run: str = "", task: str = "") -> Iterator[Record]:
    """Yield the decisions of a journal, of one run or task only where these are given, the oldest first."""
    for row in reader.rows(run=run, task=task, topics=DECIDED):
        if "decision" in row.envelope.body:
            yield record_of(row)


def record_of(row: Row) -> Record:
    """Return the decision that a row holds: on one of the topics in `DECIDED`, or on `task.asked`."""
    envelope = row.envelope
    measured = envelope.measured or {}
    decision = expand_candidates(envelope.body["decision"])
    return Record(row.sequence, row.run, envelope.at, decision, measured.get("route_s"))


def expand_candidates(decision: Mapping[str, Any]) -> dict[str, Any]:
    """Return a decision with its candidates one by one, best first; newer journals hold them in columns."""
    candidates = decision.get("candidates")
    if not isinstance(candidates, Mapping):
        return dict(decision)
    from router import rank_candidates

    return {**decision, "candidates": rank_candidates(candidates)}
