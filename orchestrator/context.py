"""The task context: what a handler may see and do beside its input."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Protocol

from orchestrator.blocking import Blocking, Wait, wait_alone
from orchestrator.budget import Amount, Budget, Cost, amount_of
from orchestrator.clock import Clock, SystemClock, seeded_random
from orchestrator.errors import AgentError
from orchestrator.messages import EMPTY, OnFailure, Result, Task, as_ids
from orchestrator.outside import WORLD, Outside, Read, called, with_key
from orchestrator.policy import TaskPolicy

InDoubt = Literal["again", "fail", "ask"]


class PerformsEffects(Protocol):
    """Whoever performs the effects of one attempt."""

    def perform(
        self, name: str, function: Callable[[str], Any], key: str, in_doubt: InDoubt
    ) -> Coroutine[Any, Any, Any]:
        """Perform an effect, or return its receipt; see `TaskContext.effect`."""
        ...


class AsksPeople(Protocol):
    """Whoever asks people on behalf of one attempt."""

    async def ask(self, question: str, options: Sequence[str], key: str) -> str:
        """Return the answer of a person; see `TaskContext.ask`."""
        ...


class Parked(BaseException):
    """Ends an attempt that waits for a person. No `Exception`, so that no handler takes it for a failure of its own."""

    def __init__(self, question: Any) -> None:
        self.question = question
        super().__init__(question.text)


Spend = Callable[[Amount], Awaitable[None]]


class _Over:
    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


#: To be awaited where nothing has to be waited for.
ON_RECORD: Final = _Over()


def _count_nothing(_amount: Amount) -> Awaitable[None]:
    """Count nothing: for handlers that are called by hand, in tests."""
    return ON_RECORD


class _Nobody:
    """Asks nobody: for handlers that are called by hand, in tests that give them no people to ask."""

    async def ask(self, question: str, options: Sequence[str], key: str) -> str:  # noqa: ARG002 - the protocol's
        raise AgentError(f"nobody can be asked outside a run: {question!r}; give the context `people`")


class _Unrecorded:
    """Performs effects without a journal: for handlers that are called by hand, in tests."""

    async def perform(self, name: str, function: Callable[[str], Any], key: str, in_doubt: InDoubt) -> Any:  # noqa: ARG002 - the protocol's
        return await called(with_key(function, key or name), SystemClock())


def _refuse_threads(what: str) -> None:
    """Refuse what nobody would await: it would not happen, and nobody would notice."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise AgentError(
            f"a plain `def` handler cannot await `context.{what}`; it has `context.blocking.{what}`"
        ) from None


class _ContextFields(NamedTuple):
    task: Task
    attempt: int
    results: Mapping[str, Result]
    workspace: Path
    clock: Clock
    added: list[Task]
    effects: PerformsEffects
    people: AsksPeople
    spending: Spend
    wait: Wait
    outside: Outside
    seed: str
    drawn_from: list[random.Random]  # what `random` gives, once somebody has asked for it


class TaskContext(_ContextFields):
    """What a handler may see and do beside its input. A named tuple: made for every attempt.

    Attributes:
        task: the task, its payload already resolved.
        attempt: 1 for the first try.
        results: results of the tasks that this one waited for, by id.
        workspace: folder that relative paths in payloads start from.
        clock: time for this run; use it instead of `time` and `datetime` so that a run can be replayed.
        seed: what `random` and `new_id` depend on; the run's own.
    """

    __slots__ = ()

    def __new__(
        cls,
        task: Task,
        attempt: int = 1,
        results: Mapping[str, Result] = EMPTY,
        workspace: Path | None = None,
        clock: Clock | None = None,
        added: list[Task] | None = None,
        effects: PerformsEffects | None = None,
        people: AsksPeople | None = None,
        spending: Spend = _count_nothing,
        wait: Wait = wait_alone,
        outside: Outside = WORLD,
        seed: str = "",
    ) -> TaskContext:
        """Make a context; what is left out does for a handler that is called by hand, in a test."""
        own = (workspace or Path.cwd(), clock or SystemClock(), [] if added is None else added)
        aid = (effects or _Unrecorded(), people or _Nobody(), spending, wait, outside)
        return tuple.__new__(cls, (task, attempt, results, *own, *aid, seed, []))

    def __repr__(self) -> str:
        return f"TaskContext(task={self.task!r}, attempt={self.attempt}, added={self.added!r})"

    @property
    def blocking(self) -> Blocking:
        """Reads, effects, questions for a plain `def` handler: `context.blocking.read(...)` returns when it is over."""
        return Blocking(self.effects, self.people, self.outside, self.clock, self.wait)

    @property
    def random(self) -> random.Random:
        """Chance for this attempt: other numbers in each run, task and attempt, the same ones when it is replayed."""
        if not self.drawn_from:
            self.drawn_from.append(seeded_random(0, self.seed, self.task.id, str(self.attempt)))
        return self.drawn_from[0]

    def new_id(self) -> str:
        """Return 32 hexadecimal digits that nobody else draws, the same when the run is replayed."""
        return f"{self.random.getrandbits(128):032x}"

    def read(self, source: str, function: Read, *, request: Any = None) -> Coroutine[Any, Any, Any]:
        """Read something from outside: an LLM, a service, a program, a file that changes. Return what came.

        In a recorded run what came is kept, and a replay gets it from there: at the recorded moment, without asking
        anybody. So whatever is not decided by the task itself is read here, or through `HttpClient`, which does so.

        Args:
            source: what is asked, such as 'llm'.
            function: reads it; returns JSON. Async, or a plain function that runs in a thread.
            request: what is asked for; JSON. A replay whose request is another one than the recorded is told so.

        Raises:
            NotJsonError: if the request, or in a recorded run what came, is no JSON.
            CassetteError: in a replay, if nothing of the kind was recorded.
            AgentError: at once, in a plain `def` handler, which cannot await: it has `context.blocking.read`.
        """
        _refuse_threads("read")
        return self.outside.read(source, request, function, self.clock)

    def effect(
        self, name: str, function: Callable[[str], Any], *, key: str = "", in_doubt: InDoubt = "again"
    ) -> Coroutine[Any, Any, Any]:
        """Do something to the outside world once, and return what came of it, from now on from its receipt.

        That it is about to happen goes on record first, and what came of it after; a later attempt, also one in another
        process after a crash, gets the recorded outcome instead of doing it again. Between the two nobody can know
        whether it happened: then `in_doubt` decides. It is done exactly once where the other side honours the key (an
        idempotency key, a unique column), else at least once.

        Args:
            name: what it is, for people, such as 'send-mail'.
            function: does it, given the key; returns JSON. Async, or a plain function that runs in a thread.
            key: tells the same effect again apart from another one; by default the run, the task, the name and the
                count of effects of that name in this attempt, which is the same in each attempt of the task.
            in_doubt: `again` does it once more with the same key; `fail` ends the task for people to look at; `ask`
                waits until a person has said whether it took place: `yes` (with what came of it, or null), `no`, or
                `again`, which does it once more whether it did or not.

        Raises:
            EffectInDoubtError: if it is in doubt and `in_doubt` is `fail`.
            NotJsonError: if what it returned cannot be recorded; it has been done, and will not be done again.
            AgentError: at once, in a plain `def` handler, which cannot await: it has `context.blocking.effect`.
        """
        _refuse_threads("effect")
        return self.effects.perform(name, function, key, in_doubt)

    def ask(self, question: str, options: Sequence[str] = ("yes", "no"), *, key: str = "") -> Awaitable[str]:
        """Ask a person, and return the answer, from now on from the record.

        Until somebody has answered, nothing of this attempt goes on: it ends here, uncounted, and holds no worker.
        Then the handler runs again from its beginning, perhaps in another process: its effects answer from their
        receipts, this from the record. So let nothing but effects change the world before it.

        Args:
            question: with all that is needed to answer it.
            options: the only answers that are taken; none of them takes any text.
            key: tells the same question again apart from another one; by default the count of questions in this
                attempt, which is the same in each attempt of a task. Other words under the same key are asked anew.

        Raises:
            AgentError: if it is no question; at once, in a plain `def` handler, which has `context.blocking.ask`.
        """
        _refuse_threads("ask")
        return self.people.ask(question, options, key)

    def spend(self, *, tokens: int = 0, cost: Cost = 0) -> Awaitable[None]:
        """Count what was spent against every budget above: of the task and those that added it, the agent, the run.

        It counts at once. `await` it, and it is on the disk; without, it is there with the end of the attempt. A plain
        `def` handler, and one in a process of its own, wait here until it is.

        Args:
            tokens: a whole number.
            cost: in the unit that the budgets are in, rounded up to a billionth; a `Decimal`, or text, is exact.

        Raises:
            BudgetExceededError: if a budget is exceeded now. What was spent is counted all the same.
            AgentError: if it is no amount.
        """
        return self.spending(amount_of(tokens, cost))

    def add_task(
        self,
        request: str,
        *,
        id: str = "",  # noqa: A002 - the name of the field
        payload: Mapping[str, Any] | None = None,
        after: Sequence[str] = (),
        agent: str = "",
        on_failure: OnFailure = "fail",
        estimate_s: float = 1.0,
        budget: Budget | None = None,
        policy: TaskPolicy | None = None,
    ) -> Task:
        """Add a task to the run. It begins when this attempt completes; an attempt that fails adds nothing.

        Whatever waits for the present task also waits for the added one. `after` may name the tasks that this
        attempt added before. Without `id` it is named after its parent: `PARENT/1`, `PARENT/2`, ... What the plan of
        the present task states for all of its tasks holds for it too, and under its own `policy`.
        """
        task_id = id or f"{self.task.id}/{len(self.added) + 1}"
        task = Task(
            id=task_id,
            request=request,
            payload=payload or {},
            after=as_ids(after),
            agent=agent,
            on_failure=on_failure,
            estimate_s=estimate_s,
            parent=self.task.id,
            budget=budget,
            policy=policy,
            plan_policy=self.task.plan_policy,
        )
        self.added.append(task)
        return task

    def path(self, relative: str) -> Path:
        """Return a path inside the workspace.

        Raises:
            AgentError: if it leads out of the workspace, by `..`, as an absolute path or through a link.
        """
        root = self.workspace.resolve()
        path = (root / relative).resolve()
        if not path.is_relative_to(root):
            raise AgentError(f"path {relative!r} leads out of the workspace; give one inside it")
        return path
