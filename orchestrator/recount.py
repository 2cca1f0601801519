"""The recount: the ledger of a run, rebuilt from its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from orchestrator.budget import Amount, Budget
from orchestrator.errors import JournalError
from orchestrator.journal import Row
from orchestrator.ledger import Ledger
from orchestrator.messages import Envelope, Task
from orchestrator.topics import (
    AGENT_REGISTERED,
    BUDGET_SET,
    BUDGET_SPENT,
    ENDINGS,
    RUN_RESUMED,
    RUN_STARTED,
    RUN_STOPPED,
    TASK_ASKED,
    TASK_RETRIED,
    TASK_STARTED,
    TASK_SUBMITTED,
)


class Recount:
    """Goes through the rows of a run and books what they say, in the order in which it was booked live.

    Seconds are those between the rows that begin and end an attempt; of one that a crash cut short, those until the
    last row before it.

    Attributes:
        ledger: as of the last row.
        budget: of the run, as it was set last.
    """

    def __init__(self) -> None:
        self.ledger = Ledger(every_agent=True)
        self.budget = Budget()
        self._attempts: dict[str, str] = {}  # those that run: the agent by task
        self._at = 0.0
        self._appliers: dict[str, Callable[[Envelope], None]] = {
            RUN_STARTED: self._budget_set,
            RUN_RESUMED: self._run_resumed,
            RUN_STOPPED: self._run_stopped,
            BUDGET_SET: self._budget_set,
            BUDGET_SPENT: self._budget_spent,
            AGENT_REGISTERED: self._agent_registered,
            TASK_SUBMITTED: self._task_submitted,
            TASK_STARTED: self._task_started,
            **dict.fromkeys((TASK_RETRIED, TASK_ASKED, *ENDINGS), self._attempt_ended),
        }

    def hear(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Book rows as they pass by; when they are over, so are the attempts that they began.

        Raises:
            JournalError: if one of them is none that a run writes.
        """
        for row in rows:
            try:
                self.take(row.envelope)
            except (KeyError, TypeError, ValueError) as error:
                raise JournalError(
                    f"row {row.sequence} ({row.envelope.topic}) is not what a run writes: {error!r}; "
                    "run `pointsman doctor`"
                ) from error
            yield row
        self.end()

    def take(self, envelope: Envelope) -> None:
        """Book one."""
        apply = self._appliers.get(envelope.topic)
        if apply is not None:
            apply(envelope)
        self._at = envelope.at

    def end(self) -> None:
        """End the attempts that nothing on record ends."""
        for task_id in tuple(self._attempts):
            self._rest(task_id, self._at)

    def set_budget(self, budget: Budget) -> None:
        """Set what the run may use."""
        self.budget = budget
        self.ledger.run.limits = budget.limits

    # -- inside ------------------------------------------------------------------------------------------------------

    def _budget_set(self, envelope: Envelope) -> None:
        if "budget" in envelope.body:
            self.set_budget(Budget.model_validate(envelope.body["budget"]))

    def _run_resumed(self, envelope: Envelope) -> None:
        self.end()
        self.set_budget(Budget.model_validate(envelope.body.get("budget", {})))

    def _run_stopped(self, envelope: Envelope) -> None:
        for task_id in envelope.body.get("interrupted", ()):
            agent = self._rest(task_id, envelope.at)
            if agent:
                self.ledger.withdraw(task_id, agent)
        for task_id, agent, amount in envelope.body.get("spent", ()):
            self.ledger.spend(task_id, agent, Amount.from_json(amount))

    def _agent_registered(self, envelope: Envelope) -> None:
        body = envelope.body
        self.ledger.limit_agent(body["agent"], Budget.model_validate(body.get("budget", {})))

    def _task_submitted(self, envelope: Envelope) -> None:
        task = Task.from_json(envelope.body["task"])
        if self.ledger.covers(task):
            self.ledger.add(task)

    def _task_started(self, envelope: Envelope) -> None:
        task_id, agent = envelope.correlation_id, envelope.body["agent"]
        self._rest(task_id, envelope.at)
        self._attempts[task_id] = agent
        self.ledger.begin(task_id, agent)
        for account in self.ledger.accounts(task_id, agent):
            account.run(envelope.at)

    def _attempt_ended(self, envelope: Envelope) -> None:
        body: Any = envelope.body
        agent = self._rest(envelope.correlation_id, envelope.at)
        if agent and envelope.topic == TASK_ASKED:
            self.ledger.withdraw(envelope.correlation_id, agent)
        if "spent" in body:
            self.ledger.spend(envelope.correlation_id, body["agent"], Amount.from_json(body["spent"]))

    def _budget_spent(self, envelope: Envelope) -> None:
        self.ledger.spend(envelope.correlation_id, envelope.body["agent"], Amount.from_json(envelope.body))

    def _rest(self, task_id: str, at: float) -> str:
        """End an attempt that runs; return whose it was, empty where none ran."""
        agent = self._attempts.pop(task_id, "")
        if agent:
            for account in self.ledger.accounts(task_id, agent):
                account.rest(at)
        return agent


def recount(rows: Iterable[Row]) -> Recount:
    """Return what the rows of a run say of its budgets."""
    counted = Recount()
    for _ in counted.hear(rows):
        pass
    return counted
