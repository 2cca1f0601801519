"""The resumption: takes a run up from its journal where an earlier process left it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from orchestrator.agent import adopt
from orchestrator.budget import Budget
from orchestrator.clock import Clock
from orchestrator.code_digest import digest_code
from orchestrator.errors import JournalError, ResumeError
from orchestrator.graph import TaskGraph
from orchestrator.journal import Journal, Row, SqliteJournal, reading
from orchestrator.messages import Envelope
from orchestrator.parts import Parts
from orchestrator.policy import Policy
from orchestrator.progress import Enrolled, Recovered
from orchestrator.recount import Recount, recount
from orchestrator.recovery import recover
from orchestrator.refusals import refusals
from orchestrator.revival import Dead, dead_letters
from orchestrator.settings import Settings
from orchestrator.topics import RUN_RESUMED, RUN_STARTED, TASK_REVIVED


class Resumption:
    """Goes on with a run. A crash at any point of it leaves the run as it was, to be resumed again."""

    def __init__(self, run: str, accept: Collection[str] = (), budget: Budget | None = None) -> None:
        """Prepare.

        Args:
            run: its id.
            accept: agents that may be missing, or may have changed while their effects are on record.
            budget: limits that replace those of the run.
        """
        self.run, self._accept, self._budget = run, frozenset(accept), budget
        self._found: Recovered | None = None
        self._counted, self._refunded = Recount(), list[Dead]()

    @property
    def found(self) -> Recovered:
        """How far the run had come; known once it was read.

        Raises:
            JournalError: if it was not read yet.
        """
        if self._found is None:
            raise JournalError(f"run {self.run!r} was not read yet; call `read` first")
        return self._found

    async def read(self, journal: Journal, graph: TaskGraph, settings: Settings, agents: Iterable[object]) -> Settings:
        """Bring an empty graph to where the run was, and return the settings with the run's own seed.

        Tasks that ended because a budget was used up are open again where it has room now, with the agents of now.

        Raises:
            CardError: if one of the agents is none.
            JournalError: if the journal has no such run, or cannot be read.
            ResumeError: if its rows are redacted, and tasks are unfinished.
        """
        await journal.sync()
        with reading(journal) as select:
            taken_back = (row.envelope for row in select(run=self.run, topics=(TASK_REVIVED,)))
            revived = {envelope.causation_id: envelope.id for envelope in taken_back}
            if ended := [dead for dead in dead_letters(select, run=self.run) if dead.budget]:
                self._set_limits(recount(select(run=self.run)), agents, settings.policy)
                self._refunded = [dead for dead in ended if self._has_room(dead)]
                revived |= {dead.id: dead.id for dead in self._refunded}
            counted = Recount()
            self._found = recover(self.run, counted.hear(select(run=self.run)), graph, revived)
            self._set_limits(counted, agents, settings.policy)
            if self._found.progress:
                refuse_redacted(select(run=self.run, topics=(RUN_STARTED,)), self.run)
        return settings.model_copy(update={"seed": self._found.seed})

    def check(self, agents: Iterable[object]) -> None:
        """Pass agents that the run can go on with.

        Raises:
            CardError: if one of them is no agent.
            ResumeError: if one is missing, or has changed while effects of its tasks are on record.
        """
        adopted = [adopt(agent) for agent in agents]
        now = {agent.card.name: Enrolled(agent.card.version, digest_code(agent)) for agent in adopted}
        reasons = refusals(self.found, now, self._accept)
        if reasons:
            raise ResumeError(self.run, reasons)

    async def announce(self, parts: Parts, router: Mapping[str, Any], epoch: int) -> Envelope:
        """Put on record that the run goes on, before anything else of it happens; return that.

        Args:
            parts: of the run.
            router: what is to be known of the one that decides from now on, as `describe_router` gives it.
            epoch: how many owners the run has had, this one included.
        """
        found = self.found
        body = {
            "epoch": epoch,
            **router,
            "seed": found.seed,
            "unfinished": len(found.progress),
            "withdrawn": list(found.withdrawn),
        }
        budget = self._counted.budget
        parts.spending.restore(self._counted.ledger, budget)
        resumed = await parts.bus.publish(RUN_RESUMED, body | ({"budget": budget.to_json()} if budget.limits else {}))
        for dead in self._refunded:
            about = {"agent": dead.agent, "error": dead.cause, "refunded": True}
            revived = await parts.bus.publish(TASK_REVIVED, about, dead.task, dead.id)
            found.progress[dead.task].cause = revived.id
        return resumed

    def _set_limits(self, counted: Recount, agents: Iterable[object], default: Policy) -> None:
        self._counted = counted
        if self._budget is not None:
            counted.set_budget(self._budget.over(counted.budget))
        for agent in agents:
            card = adopt(agent).card
            counted.ledger.limit_agent(card.name, default.overridden_by(card.policy).budget)

    def _has_room(self, dead: Dead) -> bool:
        """Return whether no budget keeps a task from being begun now."""
        return self._counted.ledger.shortage(dead.task, dead.agent, 0.0) is None

    async def take_up(self, parts: Parts, cause: Envelope, clock: Clock) -> None:
        """Give what was unfinished back to its agents, and everybody what they knew of it."""
        found, now = self.found, clock.now()
        parts.effects.restore(found.receipts)
        parts.questions.restore(found.answers, found.left_open())
        parts.supervisor.restore(found.failures, now)
        parts.desk.reopen()
        await parts.dispatcher.take_up(found, cause, now)


async def open_journal(settings: Settings, run: str) -> Journal:
    """Open the journal of the settings for a run, once nobody else owns that."""
    return await SqliteJournal.open(settings.journal, run, durability=settings.durability, lease_s=settings.lease_s)


async def announce_new(parts: Parts, seed: int, router: Mapping[str, Any], budget: Budget) -> None:
    """Put on record that a run begins, with which router, and what it may use."""
    parts.spending.limit_run(budget)
    about = {"seed": seed, **router, "schema": 1}
    await parts.bus.publish(RUN_STARTED, about | ({"budget": budget.to_json()} if budget.limits else {}))


def refuse_begun(journal: Journal, run: str) -> None:
    """Refuse to begin a run that has rows.

    Raises:
        JournalError: if it has.
    """
    with reading(journal) as select:
        if next(select(run=run), None) is not None:
            raise JournalError(f"run {run!r} is in the journal already; resume it, or give the new one another name")


def refuse_redacted(started: Iterable[Row], run: str) -> None:
    """Refuse to go on with a run whose tasks are on record without their secrets.

    Raises:
        ResumeError: if it is one.
    """
    if any(row.envelope.body.get("redacted") for row in started):
        why = "it was recorded, and what its agents need was redacted; run its plan again, or `pointsman fork` it"
        raise ResumeError(run, (why,))
