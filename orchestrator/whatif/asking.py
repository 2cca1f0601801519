"""Asking: a whole run on record gone through once, under an alternative or to see whether its decisions add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from orchestrator.journal import Row
from orchestrator.whatif.alternative import Alternative
from orchestrator.whatif.answer import Answer
from orchestrator.whatif.consequences import Consequence, follow
from orchestrator.whatif.recorded import Decided, RecordedRun, as_written


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What would have been.

    Attributes:
        run: the one on record.
        decisions: how many it has.
        answers: those that are not the same.
        follows: what becomes of the tasks after them.
        limits: what the records do not say, a sentence each.
    """

    run: RecordedRun
    decisions: int
    answers: tuple[Answer, ...]
    follows: tuple[Consequence, ...]
    limits: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many answers there are of each kind."""
        counted = Counter(answer.kind for answer in self.answers)
        return {"same": self.decisions - len(self.answers), **dict(sorted(counted.items()))}

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "run": self.run.run,
            "decisions": self.decisions,
            "counts": self.counts,
            "answers": [answer.to_json() for answer in self.answers],
            "follows": [one.to_json() for one in self.follows],
            "limits": list(self.limits),
        }


@dataclass(slots=True)
class Audit:
    """Whether the decisions of a run follow from what is on record of them.

    Attributes:
        decisions: how many there are.
        asked: for how many of them the router was asked.
        judged: of how many of these the confidence could be recomputed, too.
        faults: what does not follow, by the number of the row.
    """

    decisions: int = 0
    asked: int = 0
    judged: int = 0
    faults: dict[int, list[str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        faults = [{"sequence": sequence, "faults": found} for sequence, found in self.faults.items()]
        about = {"decisions": self.decisions, "asked": self.asked, "judged": self.judged}
        return {"ok": not faults, **about, "faults": faults}


def what_if(run: str, rows: Iterable[Row], alternative: Alternative) -> WhatIf:
    """Take every decision of a run again.

    Args:
        run: its id.
        rows: on the topics of `recorded.READ` at least, in order.
        alternative: what is supposed to have been otherwise.

    Raises:
        JournalError: if a row is none that a run writes.
    """
    recorded = RecordedRun(run)
    answers: list[Answer] = []
    decisions = 0
    for decided in recorded.hear(rows):
        decisions += 1
        with as_written(decided.sequence, decided.topic):
            answer = alternative.answer(decided)
        if answer.kind != "same":
            answers.append(answer)
    follows = tuple(follow(recorded, answers))
    return WhatIf(recorded, decisions, tuple(answers), follows, tuple(_limits(recorded, alternative, answers)))


def audit(run: str, rows: Iterable[Row]) -> Audit:
    """Recompute every decision of a run as it was: choice, leader, runner-up, margin and confidence.

    Args:
        run: its id.
        rows: on the topics of `recorded.READ` at least, in order.

    Raises:
        JournalError: if a row is none that a run writes.
    """
    found = Audit()
    for decided in RecordedRun(run).hear(rows):
        found.decisions += 1
        if decided.asked_router:
            found.asked += 1
            found.judged += decided.rules.calibration is not None
            with as_written(decided.sequence, decided.topic):
                faults = _faults(decided)
            if faults:
                found.faults[decided.sequence] = faults
    return found


def _faults(decided: Decided) -> list[str]:
    from router.again import disagreements

    record = decided.decision
    faults = disagreements(record, decided.calibration)
    if record["policy"] == "learned" and record["chosen"] != record["choice"]:
        faults.append(f"chosen: {record['chosen']} on record, {record['choice']} by the router's choice")
    if record["policy"] == "fallback" and record["choice"] is not None:
        faults.append(f"chosen: the fallback on record, {record['choice']} by the router's choice")
    return faults


def _limits(run: RecordedRun, alternative: Alternative, answers: list[Answer]) -> Iterable[str]:
    if not run.rules.known:
        yield (
            "the run is older than the record of its settings: whether there was a fallback agent, or people were "
            "asked, is taken from its decisions"
        )
    if not answers:
        return
    yield "vetoes are those of the run; which breakers would have opened, which budgets been used up, is not on record"
    if alternative.without and alternative.router is None:
        yield "scores are those of the run; those of agents that training did not know vary with the cards of others"
    strangers = sorted(run.agents - alternative.knows) if alternative.router is not None else []
    if strangers:
        yield f"the model was asked without {', '.join(strangers)}: neither installed nor among its labels"
    if any(answer.kind in ("moved", "routed") for answer in answers):
        yield "what another agent would have made of a task is not on record, nor how long it would have taken"
