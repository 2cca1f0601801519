"""The ledger: what was used of each budget of a run; it is kept live, and rebuilt from the journal by the same sums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from orchestrator.budget import UNLIMITED, Amount, Budget, Resource, Scope, Shortage, shown
from orchestrator.messages import Task

#: Seconds are compared to a millionth: a loop's clock adds up to a little less than a whole.
_DIGITS: Final = 6


class Balance(NamedTuple):
    """A snapshot of one account: its limits, and what was used; costs in billionths.

    Attributes:
        scope, name: whose it is; the name is empty for the run.
        limits: by resource; what is not there is not limited.
        spent: by resource, all of them.
        shortage: what is used up, if anything is.
    """

    scope: Scope
    name: str
    limits: Mapping[Resource, int | float]
    spent: Mapping[Resource, int | float]
    shortage: Shortage | None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "scope": self.scope,
            "name": self.name,
            "limits": {name: shown(name, number) for name, number in self.limits.items()},
            "spent": {name: shown(name, number) for name, number in self.spent.items()},
            "used_up": None if self.shortage is None else self.shortage.to_json(),
        }


class Account:
    """What was used under one budget. Times are seconds on one clock, whichever it is.

    Attributes:
        begun: attempts by task; one that was taken back is not counted.
        amount: what handlers said they spent.
    """

    __slots__ = ("_running", "_since", "_was_busy_s", "amount", "attempts", "begun", "limits", "name", "scope")

    def __init__(self, scope: Scope, name: str, budget: Budget) -> None:
        self.scope, self.name = scope, name
        self.limits = budget.limits
        self.begun: dict[str, int] = {}
        self.attempts = 0
        self.amount = Amount()
        self._was_busy_s = self._since = 0.0
        self._running = 0

    def begin(self, task_id: str) -> None:
        """Count an attempt."""
        self.attempts += 1
        self.begun[task_id] = self.begun.get(task_id, 0) + 1

    def withdraw(self, task_id: str) -> None:
        """Take an attempt back: it waits for a person, or a stop cut it short."""
        if task_id not in self.begun:
            return
        self.attempts -= 1
        self.begun[task_id] -= 1
        if not self.begun[task_id]:
            del self.begun[task_id]

    def run(self, now: float) -> None:
        """Note that a handler runs from now on."""
        if not self._running:
            self._since = now
        self._running += 1

    def rest(self, now: float) -> None:
        """Note that one of them runs no more."""
        self._running -= 1
        if not self._running:
            self._was_busy_s += max(now - self._since, 0.0)

    def busy_s(self, now: float) -> float:
        """Return the seconds in which at least one handler ran."""
        since = max(now - self._since, 0.0) if self._running else 0.0
        return round(self._was_busy_s + since, _DIGITS)

    def spent(self, now: float) -> dict[Resource, int | float]:
        """Return what was used, by resource."""
        amount = self.amount
        return {
            "tasks": len(self.begun),
            "attempts": self.attempts,
            "wall_s": self.busy_s(now),
            "tokens": amount.tokens,
            "cost": amount.nanos,
        }

    def shortage(self, now: float, task_id: str = "") -> Shortage | None:
        """Return what keeps a further attempt from beginning, at the task named or a new one, if anything does."""
        if not self.limits:
            return None
        spent = self.spent(now)
        for resource, limit in self.limits.items():
            if spent[resource] >= limit and not (resource == "tasks" and task_id in self.begun):
                return Shortage(self.scope, self.name, resource, limit, spent[resource])
        return None

    def excess(self) -> Shortage | None:
        """Return what was spent beyond the limit, if anything was."""
        spent: dict[Resource, int] = {"tokens": self.amount.tokens, "cost": self.amount.nanos}
        for resource, number in spent.items():
            limit = self.limits.get(resource)
            if limit is not None and number > limit:
                return Shortage(self.scope, self.name, resource, limit, number)
        return None

    def balance(self, now: float) -> Balance:
        """Return a snapshot."""
        return Balance(self.scope, self.name, dict(self.limits), self.spent(now), self.shortage(now))


class Ledger:
    """The accounts of a run, of its agents, and of the tasks that have a budget for themselves and all below them.

    Whatever is used counts in every account above: of the task and those that added it, of the agent, of the run.
    `every_agent` keeps an account for agents without a budget, too.
    """

    def __init__(self, *, every_agent: bool = False) -> None:
        self.run = Account("run", "", UNLIMITED)
        self.agents: dict[str, Account] = {}
        self.tasks: dict[str, Account] = {}
        self._above: dict[str, tuple[Account, ...]] = {}
        self._every_agent = every_agent

    @property
    def limited(self) -> bool:
        """Whether anything has a limit."""
        return any(account.limits for account in self.all())

    def all(self) -> Iterator[Account]:
        """Yield all accounts: of the run, of agents, of tasks."""
        yield self.run
        yield from self.agents.values()
        yield from self.tasks.values()

    def limit_agent(self, name: str, budget: Budget) -> None:
        """Set what an agent may use from now on; what it has used stays."""
        if name in self.agents:
            self.agents[name].limits = budget.limits
        elif budget.limits:
            self.agents[name] = Account("agent", name, budget)

    def add(self, task: Task) -> None:
        """Take a task in, below the one that added it."""
        above = self._above.get(task.parent, ())
        if task.budget is not None:
            account = self.tasks.setdefault(task.id, Account("task", task.id, task.budget))
            account.limits = task.budget.limits  # an attempt that is repeated adds its tasks again
            above = (account, *above)
        if above:
            self._above[task.id] = above

    def covers(self, task: Task) -> bool:
        """Return whether a new task has to be taken in: others are under no budget of a task."""
        return task.budget is not None or (bool(self._above) and task.parent in self._above)

    def accounts(self, task_id: str, agent: str) -> tuple[Account, ...]:
        """Return the accounts that what an agent does at a task counts in, the nearest first."""
        above = self._above.get(task_id, ())
        own = self.agents.get(agent)
        if own is None and agent and self._every_agent:
            own = self.agents[agent] = Account("agent", agent, UNLIMITED)
        return (*above, self.run) if own is None else (*above, own, self.run)

    def shortage(self, task_id: str, agent: str, now: float) -> Shortage | None:
        """Return what keeps an agent from beginning an attempt at a task, if anything does."""
        found = (account.shortage(now, task_id) for account in self.accounts(task_id, agent))
        return next((short for short in found if short is not None), None)

    def begin(self, task_id: str, agent: str) -> None:
        """Count an attempt."""
        for account in self.accounts(task_id, agent):
            account.begin(task_id)

    def withdraw(self, task_id: str, agent: str) -> None:
        """Take an attempt back."""
        for account in self.accounts(task_id, agent):
            account.withdraw(task_id)

    def spend(self, task_id: str, agent: str, amount: Amount) -> Shortage | None:
        """Count what was spent; return the nearest budget that is exceeded, if any is."""
        accounts = self.accounts(task_id, agent)
        for account in accounts:
            account.amount = account.amount.plus(amount)
        return next((excess for account in accounts if (excess := account.excess()) is not None), None)

    def shed(self) -> None:
        """Forget accounts of agents without a limit."""
        self.agents = {name: account for name, account in self.agents.items() if account.limits}
        self._every_agent = False

    def balances(self, now: float) -> tuple[Balance, ...]:
        """Return a snapshot of every account: of the run, then of agents, then of tasks."""
        return tuple(account.balance(now) for account in self.all())
