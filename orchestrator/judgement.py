"""Judgement: what somebody said of a decision, and whether it can be said of that one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.bus import Bus
from orchestrator.documents import suggest
from orchestrator.errors import PointsmanError, UnknownAgentError
from orchestrator.journal import Journal, Row, Select, reading
from orchestrator.topics import AGENT_REGISTERED, TASK_ABSTAINED, TASK_JUDGED, TASK_ROUTED, TASK_SUBMITTED

if TYPE_CHECKING:
    from router import Feedback


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says of a task.

    Attributes:
        right: whether it went to the right agent; None leaves that to be seen from `should_be`.
        should_be: who should have got it; empty where that is not known.
        note: for those who read it.
    """

    right: bool | None = None
    should_be: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was said of one decision; the row that holds it needs no other to be learnt from.

    Attributes:
        run, task: which task of which run.
        request: what was wanted.
        agent: who got it; empty for nobody.
        policy: of the decision.
        propensity: of the decision: how likely it was this agent.
        right, should_be, note: what was said.
        cause: id of the envelope that holds the decision.
        at: seconds since the epoch, and `sequence` the row in the journal; 0 until it is on record.
    """

    run: str
    task: str
    request: str
    agent: str
    policy: str
    propensity: float
    right: bool
    should_be: str = ""
    note: str = ""
    cause: str = ""
    at: float = 0.0
    sequence: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as the JSON object that goes on record."""
        about = {"run": self.run, "task": self.task, "request": self.request, "agent": self.agent}
        said = {"right": self.right, "should_be": self.should_be, "note": self.note}
        return {**about, "policy": self.policy, "propensity": self.propensity, **said}

    def to_feedback(self) -> Feedback:
        """Return what the router can learn from.

        Where nobody got the task, or its submitter, a person who was asked or a fork said who does, the router learns
        of the right agent alone: the decision was none of its own, and says nothing of how likely it was.
        """
        from router import Feedback

        if self.policy in ("pinned", "answered", "replaced") or not self.agent:
            return Feedback(self.request, self.should_be or self.agent, right=True)
        return Feedback(self.request, self.agent, self.right, self.should_be, self.propensity)


def judge(select: Select, task: str, run: str, said: Said, known: Collection[str] = ()) -> Judgement:
    """Return what is said of the last decision on a task.

    Args:
        select: reads the journal.
        task: its id.
        run: the run that it belongs to; empty for the latest that has it.
        said: what is said of it.
        known: agents that it could have gone to, beside those that the run registered.

    Raises:
        PointsmanError: if there is no such task, nobody decided on it, or the words contradict the decision.
        UnknownAgentError: if nobody knows the agent that should have got it; suggests the nearest.
    """
    rows = list(select(run=run, task=task, topics=(TASK_SUBMITTED, TASK_ROUTED, TASK_ABSTAINED)))
    if not rows:
        raise PointsmanError(
            f"no task {task!r} in {f'run {run!r}' if run else 'the journal'}; {_nearest(select, task, run)}"
        )
    latest = [row for row in rows if row.run == rows[-1].run]
    decided, submitted = latest[-1], latest[0]
    if "decision" not in decided.envelope.body:
        raise PointsmanError(f"task {task!r}: nobody has decided who gets it; say it of a task that was routed")
    decision = decided.envelope.body["decision"]
    _check(task, decision, said)
    if said.should_be:
        _check_agent(select, decided.run, said.should_be, known)
    request = submitted.envelope.body["task"]["request"] if submitted.envelope.topic == TASK_SUBMITTED else ""
    about = (decision["chosen"] or "", decision["policy"], decision["propensity"])
    right = bool(said.right) if said.right is not None else said.should_be == decision["chosen"]
    should_be = "" if right else said.should_be
    return Judgement(decided.run, task, request, *about, right, should_be, said.note, decided.envelope.id)


async def record_judgement(bus: Bus, journal: Journal, run: str, task: str, said: Said) -> Judgement:
    """Put what is said of a task of a running orchestrator on record; return once that is safe.

    Raises:
        PointsmanError: as `judge`, or if the journal cannot be read back.
    """
    await journal.sync()
    with reading(journal) as select:
        judgement = judge(select, task, run, said)
    await bus.publish(TASK_JUDGED, judgement.to_json(), task, judgement.cause)
    await journal.sync()
    return judgement


def read_judgements(select: Select, *, run: str = "", task: str = "") -> list[Judgement]:
    """Return everything that was said, the oldest first; a later word on a task replaces an earlier one: `standing`."""
    return [_judgement_of(row) for row in select(run=run, task=task, topics=(TASK_JUDGED,))]


def standing(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Return the last word on each task of each run, in the order of the first."""
    return list({(judgement.run, judgement.task): judgement for judgement in judgements}.values())


def _judgement_of(row: Row) -> Judgement:
    body = row.envelope.body
    about = (body["run"], body["task"], body["request"], body["agent"], body["policy"], body["propensity"])
    said = (body["right"], body["should_be"], body["note"])
    return Judgement(*about, *said, row.envelope.causation_id, row.envelope.at, row.sequence)


def _check(task: str, decision: dict[str, Any], said: Said) -> None:
    chosen, named = decision["chosen"], said.should_be
    if said.right is None and not named:
        raise PointsmanError(f"task {task!r}: say that it was right or wrong, or who should have got it")
    if said.right and named:
        raise PointsmanError(f"task {task!r}: right, and should be {named!r}? leave one of them out")
    if said.right is False and named and named == chosen:
        raise PointsmanError(f"task {task!r} did go to {named!r}; say that it was right, or name another agent")
    if named:
        return
    if chosen is None:
        raise PointsmanError(f"task {task!r} went to nobody: the router abstained; say who should have got it")
    if decision["policy"] == "pinned":
        raise PointsmanError(
            f"task {task!r} was pinned to {chosen!r} by its submitter: there is no choice of the router to judge;"
            " say who should have got it"
        )


def _check_agent(select: Select, run: str, name: str, known: Collection[str]) -> None:
    if name in known:
        return
    agents = {*known, *(row.envelope.body["agent"] for row in select(run=run, topics=(AGENT_REGISTERED,)))}
    if name not in agents:
        raise UnknownAgentError(name, suggest(name, agents))


def _nearest(select: Select, task: str, run: str) -> str:
    return suggest(task, {row.envelope.correlation_id for row in select(run=run, topics=(TASK_SUBMITTED,))})
