"""The spending: what a run uses of its budgets, counted before an attempt begins and as its handler says so."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Generator, Sequence
from typing import Any

from orchestrator.budget import Amount, Budget, Shortage
from orchestrator.bus import Bus
from orchestrator.context import ON_RECORD
from orchestrator.cut_off import CutOff, Guard
from orchestrator.errands import Errands
from orchestrator.errors import BudgetExceededError
from orchestrator.journal import Journal
from orchestrator.ledger import Balance, Ledger
from orchestrator.messages import Envelope, Task
from orchestrator.topics import BUDGET_SET, BUDGET_SPENT


class Spending:
    """Counts what is used against every budget above, and says who may go on.

    Attributes:
        active: whether there is any budget; without one nothing is counted.
        vetoed: agents that get nothing new, and which of their budgets is used up.
        owing: what was spent and is not on record yet, by task and agent: it goes there with the end of the attempt.
        stopped_by: what of the run's own budget was used up when something would have begun, or gone on.
    """

    def __init__(self, *, bus: Bus, journal: Journal, errands: Errands, guard: Guard) -> None:
        self._bus, self._journal, self._errands = bus, journal, errands
        self._loop = asyncio.get_running_loop()
        self._ledger, self._cut_off = Ledger(), CutOff(guard)
        self._budget = Budget()
        self.active = False
        self.vetoed: dict[str, Shortage] = {}
        self.owing: dict[tuple[str, str], Amount] = {}
        self.stopped_by: Shortage | None = None

    # -- limits ------------------------------------------------------------------------------------------------------

    @property
    def budget(self) -> Budget:
        """Of the run."""
        return self._budget

    def restore(self, ledger: Ledger, budget: Budget) -> None:
        """Go on with what earlier processes of this run used."""
        ledger.shed()
        self._ledger, self._budget = ledger, budget
        self.active = ledger.limited

    def limit_run(self, budget: Budget) -> None:
        """Set what the run may use."""
        self._budget = budget
        self._ledger.run.limits = budget.limits
        self.active = self.active or bool(budget.limits)

    async def narrow(self, budget: Budget | None) -> None:
        """Let the run use no more than this, either: a plan says so that is submitted to it."""
        narrower = self._budget if budget is None else self._budget.within(budget)
        if narrower.limits != self._budget.limits:
            self.limit_run(narrower)
            await self._bus.publish(BUDGET_SET, {"budget": narrower.to_json()})

    def limit_agent(self, name: str, budget: Budget) -> None:
        """Set what an agent may use."""
        self._ledger.limit_agent(name, budget)
        self.active = self.active or bool(budget.limits)
        self._look_at(name)

    def add(self, tasks: Sequence[Task]) -> None:
        """Take in the budgets of new tasks, before anything of them begins."""
        ledger = self._ledger
        for task in tasks:
            if task.budget is not None or (self.active and ledger.covers(task)):
                ledger.add(task)
                self.active = True

    # -- attempts ----------------------------------------------------------------------------------------------------

    def shortage(self, task_id: str, agent: str = "") -> Shortage | None:
        """Return what keeps a task from being begun, by this agent if one is named; None if nothing does."""
        return self._noted(self._ledger.shortage(task_id, agent, self._loop.time())) if self.active else None

    def begin(self, task_id: str, agent: str) -> Shortage | None:
        """Count an attempt that begins now, or return why it may not."""
        short = self.shortage(task_id, agent)
        if short is None:
            self._ledger.begin(task_id, agent)
            self._look_at(agent)
        return short

    def withdraw(self, task_id: str, agent: str) -> None:
        """Take an attempt back: it waits for a person."""
        self._ledger.withdraw(task_id, agent)
        self._look_at(agent)

    def enter(self, worker: asyncio.Task[Any], task_id: str, agent: str) -> None:
        """Note that a handler begins.

        Raises:
            BudgetExceededError: if there is no time for it.
        """
        self._cut_off.enter(worker, self._ledger.accounts(task_id, agent))

    def leave(self, worker: asyncio.Task[Any], agent: str) -> None:
        """Note that a handler is over.

        Raises:
            BudgetExceededError: if it was cut off, whatever it made of hearing so.
        """
        short = self._cut_off.leave(worker)
        self._look_at(agent)
        if short is not None and not worker.cancelling():
            raise BudgetExceededError(self._noted(short) or short)

    # -- what handlers say -------------------------------------------------------------------------------------------

    def spend(self, agent: str, started: Envelope, amount: Amount) -> Awaitable[None]:
        """Count what the handler of an attempt spent, and return what waits until it is on the disk.

        May be called in any thread; in another one than the loop's it waits itself.

        Raises:
            BudgetExceededError: if a budget is exceeded now.
            StoppedError: if the run has stopped, so that nothing can be recorded.
        """
        if self._errands.here():
            excess = self._count(agent, started, amount)
            on_record: Awaitable[None] = _OnRecord(self, agent, started)
        else:
            errand = functools.partial(self._count_on_record, agent, started, amount)
            excess, on_record = self._errands.run(started.correlation_id, errand), ON_RECORD
        if excess is not None:
            raise BudgetExceededError(excess)
        return on_record

    async def record(self, agent: str, started: Envelope) -> None:
        """Put on record what is not yet of what an attempt spent; return when it is on the disk."""
        amount = self.owing.pop((started.correlation_id, agent), None)
        if amount is not None:
            body = {"agent": agent, "attempt": started.body["attempt"], **amount.to_json()}
            await self._bus.publish(BUDGET_SPENT, body, started.correlation_id, started.id)
        await self._journal.sync()

    def settle(self, task_id: str, agent: str) -> dict[str, Any]:
        """Return what belongs into the row with the end of an attempt: what was spent and is not on record yet."""
        amount = self.owing.pop((task_id, agent), None)
        return {} if amount is None else {"spent": amount.to_json()}

    def last_word(self) -> dict[str, Any]:
        """Return what belongs into the last row of the run: what is not on record yet, and what stopped it."""
        rest = [[task_id, agent, amount.to_json()] for (task_id, agent), amount in self.owing.items()]
        self.owing.clear()
        reason = {} if self.stopped_by is None else {"reason": self.stopped_by.to_json()}
        return ({"spent": rest} if rest else {}) | reason

    def balances(self) -> tuple[Balance, ...]:
        """Return what was used of every budget; nothing where there is none."""
        return self._ledger.balances(self._loop.time()) if self.active else ()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _count(self, agent: str, started: Envelope, amount: Amount) -> Shortage | None:
        key = (started.correlation_id, agent)
        if amount != (0, 0):
            self.owing[key] = self.owing.get(key, Amount()).plus(amount)
        if not self.active:
            return None
        excess = self._noted(self._ledger.spend(*key, amount))
        self._look_at(agent)
        return excess

    async def _count_on_record(self, agent: str, started: Envelope, amount: Amount) -> Shortage | None:
        excess = self._count(agent, started, amount)
        await self.record(agent, started)
        return excess

    def _look_at(self, agent: str) -> None:
        """Veto an agent whose own budget is used up."""
        account = self._ledger.agents.get(agent)
        if account is None:
            return
        short = account.shortage(self._loop.time())
        if short is None:
            self.vetoed.pop(agent, None)
        else:
            self.vetoed[agent] = short

    def _noted(self, short: Shortage | None) -> Shortage | None:
        if short is not None and short.scope == "run":
            self.stopped_by = short
        return short


class _OnRecord:
    """Waits, where it is awaited, until what an attempt spent is on the disk."""

    __slots__ = ("_agent", "_spending", "_started")

    def __init__(self, spending: Spending, agent: str, started: Envelope) -> None:
        self._spending, self._agent, self._started = spending, agent, started

    def __await__(self) -> Generator[Any, None, None]:
        return self._spending.record(self._agent, self._started).__await__()
