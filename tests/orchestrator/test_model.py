"""A run against a model of it: whatever is submitted, ends, crashes at a quiet moment and is resumed, both agree."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestrator.clock import VirtualClock, VirtualTimeLoop
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError, StoppedError
from orchestrator.graph import TaskGraph
from orchestrator.journal import MemoryJournal
from orchestrator.messages import OnFailure, Result, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.policy import Breaker, Policy, Retry
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent, until_blocked
from orchestrator.topics import ENDINGS

POLICY = Policy(
    concurrency=50,
    timeout_s=86_000,
    retry=Retry(max_attempts=100, backoff_s=1, factor=1, jitter=0),
    breaker=Breaker(failures=10_000),
)
RUNS = int(os.environ.get("MODEL_RUNS", "20"))


class Model:
    """What a run is, in a page: tasks, what each waits for, and how it ended."""

    def __init__(self) -> None:
        self.after: dict[str, set[str]] = {}
        self.on_failure: dict[str, OnFailure] = {}
        self.ended: dict[str, str] = {}
        self.booked: Counter[str] = Counter()

    def add(self, name: str, after: set[str], on_failure: OnFailure) -> None:
        self.after[name], self.on_failure[name] = after, on_failure
        self._settle()

    def add_child(self, parent: str, child: str) -> None:
        """A task that an agent adds waits for its parent; whatever waits for the parent waits for it, too."""
        heirs = [name for name in self.after if parent in self.after[name] and name not in self.ended]
        self.after[child], self.on_failure[child] = {parent}, "fail"
        for heir in heirs:
            self.after[heir].add(child)

    def end(self, name: str, status: str) -> None:
        self.ended[name] = status
        self._settle()

    def _settle(self) -> None:
        """End what waits for a task that did not complete, as it says itself."""
        changed = True
        while changed:
            changed = False
            for name in self.after.keys() - self.ended.keys():
                broken = any(self.ended.get(other, "completed") != "completed" for other in self.after[name])
                if broken and self.on_failure[name] != "continue":
                    self.ended[name] = "skipped" if self.on_failure[name] == "skip" else "failed"
                    changed = True

    @property
    def ready(self) -> set[str]:
        return {name for name in self.after if name not in self.ended and self.after[name] <= self.ended.keys()}


class Puppet:
    """An agent whose handlers do what the machine tells them, after booking an effect each."""

    def __init__(self, booked: Counter[str]) -> None:
        self.card = ScriptedAgent("a", policy=POLICY).card
        self.waiting: dict[str, asyncio.Future[Any]] = {}
        self._booked = booked

    async def handle(self, task: Task, context: TaskContext) -> Any:
        await context.effect("book", lambda _key: self._booked.update([task.id]))
        said = self.waiting[task.id] = asyncio.get_running_loop().create_future()
        try:
            child = await said
        finally:
            self.waiting.pop(task.id, None)
        if child:
            context.add_task("a", id=child)
        return task.id


class _CrashError(Exception):
    pass


class RunMachine(RuleBasedStateMachine):
    """Drives a real orchestrator in virtual time, one quiet moment after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.model = Model()
        self.journal = MemoryJournal("r")
        self.acknowledged = 0
        self.names = 0
        self.begun = False

    # -- the machinery -----------------------------------------------------------------------------------------------

    def do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _quiet(self) -> None:
        for _ in range(4):
            await until_blocked()
        self.acknowledged = len(self.journal.rows)

    async def _live(self, entered: asyncio.Event) -> None:
        self.puppet = Puppet(self.model.booked)
        given: dict[str, Any] = {"agents": [self.puppet], "router": FixedRouter(), "clock": VirtualClock()}
        settings = Settings(log_format="off", drain_s=0)
        make = Orchestrator.resume if self.begun else Orchestrator
        run = make(run="r", settings=settings, journal=self.journal, **given)
        self.begun = True
        async with run as self.o:
            entered.set()
            if await self.leave:
                raise _CrashError

    def _enter(self) -> None:
        async def enter() -> None:
            entered = asyncio.Event()
            self.leave = self.loop.create_future()
            self.life = self.loop.create_task(self._live(entered))
            await entered.wait()
            await self._quiet()

        self.do(enter())

    def _leave(self, *, crash: bool) -> None:
        async def leave() -> None:
            self.leave.set_result(crash)
            with contextlib.suppress(_CrashError, StoppedError):
                await self.life

        self.do(leave())

    def _reopen(self, rows: int) -> None:
        kept = self.journal.rows[:rows]
        self.journal = MemoryJournal("r")
        self.journal.rows = kept

    def _say(self, name: str, *, child: str = "", error: Exception | None = None) -> None:
        async def say() -> None:
            said = self.puppet.waiting[name]
            said.set_exception(error) if error else said.set_result(child)
            await self._quiet()

        self.do(say())

    def _choose(self, number: int) -> str:
        ready = sorted(self.model.ready)
        return ready[number % len(ready)]

    # -- the rules ---------------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self._enter()

    @rule(draws=st.lists(st.integers(0, 99), max_size=3), on_failure=st.sampled_from(["fail", "skip", "continue"]))
    def submit(self, draws: list[int], on_failure: OnFailure) -> None:
        known = sorted(self.model.after)
        after = {known[number % len(known)] for number in draws} if known else set()
        self.names += 1
        name = f"t{self.names}"
        self.model.add(name, set(after), on_failure)

        async def send() -> None:
            await self.o.submit(Task(name, "a", after=tuple(sorted(after)), on_failure=on_failure))
            await self._quiet()

        self.do(send())

    @precondition(lambda self: self.model.ready)
    @rule(number=st.integers(0, 99), adds=st.booleans())
    def complete(self, number: int, adds: bool) -> None:  # noqa: FBT001 - drawn
        name, child = self._choose(number), ""
        if adds:
            self.names += 1
            child = f"c{self.names}"
            self.model.add_child(name, child)
        self.model.end(name, "completed")
        self._say(name, child=child)

    @precondition(lambda self: self.model.ready)
    @rule(number=st.integers(0, 99))
    def give_up(self, number: int) -> None:
        name = self._choose(number)
        self.model.end(name, "failed")
        self._say(name, error=AgentError("no"))

    @precondition(lambda self: self.model.ready)
    @rule(number=st.integers(0, 99))
    def fail_once(self, number: int) -> None:
        self._say(self._choose(number), error=ConnectionError("later"))

        async def wait() -> None:
            await asyncio.sleep(1.5)
            await self._quiet()

        self.do(wait())

    @rule(number=st.integers(0, 99))
    def crash(self, number: int) -> None:
        """Lose what was not acknowledged: rows that were written after the last quiet moment, as it happens."""
        kept = self.acknowledged
        self._leave(crash=True)
        self._reopen(kept + number % (len(self.journal.rows) - kept + 1))
        self._enter()

    @rule()
    def stop_and_resume(self) -> None:
        self._leave(crash=False)
        self._reopen(len(self.journal.rows))
        self._enter()

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def agrees_with_the_model(self) -> None:
        if not self.begun:
            return
        assert set(self.puppet.waiting) == self.model.ready
        results: dict[str, Result] = self.o._graph.results()
        assert {name: result.status for name, result in results.items()} == self.model.ended
        rows = [row.envelope for row in self.journal.rows]
        assert Counter(row.correlation_id for row in rows if row.topic in ENDINGS) == Counter(self.model.ended.keys())
        assert set(self.model.booked.values()) <= {1}, "an effect with a receipt is done once"
        assert self.model.ready <= self.model.booked.keys()
        counts = self.o.statistics().bus
        ends = counts.handled + counts.dead_lettered + counts.expired + counts.queued + counts.in_hand
        assert counts.accepted == ends

    def teardown(self) -> None:
        if self.begun:
            self._leave(crash=False)
        self.loop.close()


def check(runs: int, *, shrink: bool = True) -> None:
    """Let the machine look for a difference, and for the shortest way to it if that is wanted.

    Raises:
        AssertionError: if it found one.
    """
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        RunMachine,
        settings=hypothesis_settings(
            max_examples=runs,
            stateful_step_count=50,
            deadline=None,
            phases=list(Phase) if shrink else [Phase.generate],
        ),
    )


@pytest.mark.timeout(3600)
def test_a_run_agrees_with_its_model_through_stops_and_crashes_at_quiet_moments() -> None:
    """`make model` tries two thousand runs; crashes in the middle of something are those of `test_resumption.py`."""
    check(RUNS)


def _forget_a_dependency(monkeypatch: pytest.MonkeyPatch) -> None:
    real = TaskGraph._insert

    def insert(self: TaskGraph, tasks: Any, *, held: bool) -> None:
        real(self, [task._replace(after=task.after[:-1]) if len(task.after) > 1 else task for task in tasks], held=held)

    monkeypatch.setattr(TaskGraph, "_insert", insert)


def _forget_receipts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.effects.Effects.restore", lambda _self, _receipts: None)


def _forget_endings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.recovery._Replay._task_ended", lambda _self, _envelope: None)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("plant", [_forget_a_dependency, _forget_receipts, _forget_endings])
def test_a_planted_fault_is_found(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine can fail, and does so soon."""
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check(20, shrink=False)
