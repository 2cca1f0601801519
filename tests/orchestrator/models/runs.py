"""A run against its reference: submitted to, worked on, stopped, crashed after any row, taken over, and resumed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from orchestrator.clock import VIRTUAL_EPOCH
from orchestrator.errors import PointsmanError, RunOwnedError, StaleOwnerError
from orchestrator.journal import JournalReader, Row, chain
from orchestrator.journal.claim import Claim
from orchestrator.journal.rows import GENESIS
from orchestrator.messages import Envelope, OnFailure, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.topics import ENDINGS
from tests.orchestrator.models.journals import (
    LAG_S,
    LEASE_S,
    LaggingJournal,
    SteppedJournal,
    a_folder,
    cheap_commits,
    cut,
)
from tests.orchestrator.models.life import Life, Order, Post, World
from tests.orchestrator.models.machine import Machine
from tests.orchestrator.models.reference import CONCURRENCY, Reference, count_attempts

QUIET_S = 1_000 * LAG_S
NUMBERS = st.integers(0, 999)
POSTS: Any = st.sampled_from(["no", "no", "yes", "breaks"])


class Step(NamedTuple):
    """Something that is asked of a run: how, the row with which it has happened, and what it does to the reference."""

    ask: Callable[[], Coroutine[Any, Any, object]]
    task: str
    topics: tuple[str, ...]
    apply: Callable[[Reference, Envelope], None]


class RunMachine(Machine):
    """Drives real orchestrators in virtual time, on a journal in memory or in SQLite.

    The reference is known as of every row: a crash leaves any prefix of the journal, and the reference as of its end.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.history: list[tuple[int, Reference]] = [(0, Reference())]
        self.names = self.epoch = self.before = 0
        self.seconds = 0.0  # of the clock that leases go by
        self.life: Life | None = None
        self.zombie: Life | None = None

    # -- the machinery -----------------------------------------------------------------------------------------------

    @property
    def model(self) -> Reference:
        return self.history[-1][1]

    @property
    def here(self) -> Life:
        assert self.life is not None
        return self.life

    @property
    def rows(self) -> list[Row]:
        return self.here.journal.rows

    @property
    def now(self) -> float:
        return self.loop.time()

    def attempts(self) -> Counter[str]:
        return count_attempts(row.envelope for row in self.rows)

    async def _quiet(self) -> None:
        await asyncio.sleep(QUIET_S)

    async def _open(self, *, must_wait: bool = False) -> LaggingJournal | SteppedJournal:
        if self.path is None:
            return LaggingJournal("r", self.lag)
        claim = Claim(self.path, "r", "os-crash-may-lose", LEASE_S, now=lambda: self.seconds)
        if must_wait:
            for _ in range(2):
                try:
                    claim.attempt()
                except RunOwnedError:
                    self.seconds += LEASE_S / 2
                else:
                    raise AssertionError("the run was taken from an owner that was not known to be gone")
        claim.attempt()
        self.epoch += 1
        assert claim.hold.epoch == self.epoch
        return SteppedJournal(claim, "r", self.lag)

    def _begin(self, journal: LaggingJournal | SteppedJournal) -> None:
        """Let a process take the run up from what the journal holds, if it holds any; the reference is as of that."""
        kept = len(journal.rows)
        del self.history[1 + max(at for at, (row, _) in enumerate(self.history) if row <= kept) :]
        self.world.forget_after(kept)
        self.before = kept
        self.life = Life(self.world, journal)
        attempts = count_attempts(row.envelope for row in journal.rows)

        async def begin() -> None:
            await self.here.begin(Orchestrator.resume if kept else Orchestrator)
            await self._quiet()

        self.do(begin())
        self.history.append((kept, self.model.copy()))
        self.model.resume(attempts, self.now)
        if self.path is not None and kept:
            assert self.rows[kept].envelope.body["epoch"] == self.epoch

    def _crash(self, kept: int) -> None:
        rows = self.rows
        kept = min(kept, self.here.journal.safe)
        self.do(self.here.crash())
        if self.path is not None:
            cut(self.path, kept)
        self._go_on(rows[:kept], must_wait=True)

    def _go_on(self, rows: list[Row], *, must_wait: bool) -> None:
        """Let another process take the run up; of a journal in memory, these rows are left."""
        self.life = None
        journal = self.do(self._open(must_wait=must_wait))
        if isinstance(journal, LaggingJournal):
            journal.rows = rows
        self._begin(journal)

    def _take(self, steps: list[Step]) -> None:
        """Ask for everything at once, wait until all is quiet, and tell the reference in the order of the record."""
        self.before = len(self.rows)

        async def ask() -> None:
            async with asyncio.TaskGroup() as group:
                for step in steps:
                    group.create_task(step.ask())
            await self._quiet()

        self.do(ask())
        self._tell(steps, self.rows)

    def _tell(self, steps: list[Step], rows: list[Row], *, all_of_it: bool = True) -> None:
        found = [(self._row_of(step, rows), step) for step in steps]
        for at, step in sorted(found, key=lambda entry: entry[0]):
            if at < len(rows):
                self.history.append((at + 1, self.model.copy()))
                step.apply(self.model, rows[at].envelope)
            else:
                assert not all_of_it, f"{step.task}: asked for, and none of {step.topics} is on record"

    def _row_of(self, step: Step, rows: list[Row]) -> int:
        """Return the index of the row with which a step has happened; the length of the record if it has not."""
        for at in range(self.before, len(rows)):
            if rows[at].envelope.topic in step.topics and rows[at].envelope.correlation_id == step.task:
                return at
        return len(rows)

    def _submission(self, number: int, agent: str, on_failure: OnFailure) -> Step:
        known, agent = sorted(self.model.after), agent if self._has_room() else "b"
        after = {known[number % len(known)], known[number // 7 % len(known)]} if known and number % 4 else set()
        self.names += 1
        task = Task(f"t{self.names}", agent, agent=agent, after=tuple(sorted(after)), on_failure=on_failure)

        async def submit() -> None:
            ticket = await self.here.o.submit(task)
            assert ticket.id == task.id

        return Step(submit, task.id, ("task.submitted",), lambda model, _: model.add(task.id, agent, after, on_failure))

    def _telling(self, name: str, order: Order) -> Step:
        attempt, told = self.here.attempts[name], self.here.waiting[name]

        async def tell() -> None:
            if not told.done():  # else its attempt was cut short before it could be told
                told.set_result(order)

        breaks = order.post == "breaks" and not self.world.receipts(self.rows, name, "post")
        if breaks or order.end == "fails":
            topics: tuple[str, ...] = ("task.retried", "task.dead_lettered")
            return Step(tell, name, topics, lambda model, row: model.fail_once(name, attempt, row.at - VIRTUAL_EPOCH))
        if order.end == "gives up":
            return Step(tell, name, ("task.failed",), lambda model, _: model.end(name, "failed"))
        return Step(tell, name, ("task.completed",), lambda model, _: model.complete(name, order.children))

    def _pick(self, number: int) -> str:
        waiting = sorted(self.here.waiting)
        return waiting[number % len(waiting)]

    def _children(self, name: str, count: int) -> tuple[str, ...]:
        return tuple(f"{name}.{number}" for number in range(1, count + 1)) if self._has_room() else ()

    def _has_room(self) -> bool:
        """Say whether agent `a` may get more: as long as each of its tasks has a worker, all its endings are prompt."""
        return sum(self.model.agent[name] == "a" for name in self.model.open) < CONCURRENCY["a"] - 3

    def _several(self, tasks: list[int], told: list[tuple[int, Post]]) -> list[Step]:
        steps = [self._submission(number, "ab"[number % 2], "continue") for number in tasks]
        names = sorted(self.here.waiting)
        for number, post in told:
            if names:
                name = names.pop(number % len(names))
                order = Order(self._children(name, number % 3), post, "completes" if number % 4 else "fails")
                steps.append(self._telling(name, order))
        return steps

    # -- the rules ---------------------------------------------------------------------------------------------------

    @initialize(kind=st.sampled_from(["memory", "slow memory", "sqlite", "slow sqlite"]), seed=NUMBERS)
    def begin(self, kind: str, seed: int) -> None:
        self.lag = random.Random(seed) if kind.startswith("slow") else None
        self.path: Path | None = None
        if kind.endswith("sqlite"):
            self.undo.enter_context(cheap_commits())
            self.path = self.undo.enter_context(a_folder()) / "j.db"
        self._begin(self.do(self._open()))

    @rule(number=NUMBERS, agent=st.sampled_from("ab"), on_failure=st.sampled_from(["fail", "skip", "continue"]))
    def submit(self, number: int, agent: str, on_failure: OnFailure) -> None:
        self._take([self._submission(number, agent, on_failure)])

    @precondition(lambda self: self.here.waiting)
    @rule(number=NUMBERS, children=st.integers(0, 2), post=st.sampled_from(["no", "yes"]))
    def complete(self, number: int, children: int, post: Post) -> None:
        name = self._pick(number)
        self._take([self._telling(name, Order(self._children(name, children), post))])

    @precondition(lambda self: self.here.waiting)
    @rule(number=NUMBERS, post=POSTS, children=st.integers(0, 1))
    def fail(self, number: int, post: Post, children: int) -> None:
        name = self._pick(number)
        self._take([self._telling(name, Order(self._children(name, children), post, "fails"))])

    @precondition(lambda self: self.here.waiting)
    @rule(number=NUMBERS)
    def give_up(self, number: int) -> None:
        self._take([self._telling(self._pick(number), Order(end="gives up"))])

    @rule(tasks=st.lists(NUMBERS, max_size=3), told=st.lists(st.tuples(NUMBERS, POSTS), max_size=3))
    def several_at_once(self, tasks: list[int], told: list[tuple[int, Post]]) -> None:
        self._take(self._several(tasks, told))

    @rule()
    def time_passes(self) -> None:
        async def wait() -> None:
            await asyncio.sleep(0.7)
            await self._quiet()

        self.before = len(self.rows)
        self.do(wait())

    @rule(number=NUMBERS, earlier=st.sampled_from([False, False, False, True]))
    def crash(self, number: int, earlier: bool) -> None:  # noqa: FBT001 - drawn
        """After any row of the last step, be it a recovery, or just before it; or after any row there ever was."""
        since = 0 if earlier else self.before
        self._crash(since + number % (len(self.rows) - since + 1))

    @rule(
        tasks=st.lists(NUMBERS, max_size=1),
        told=st.lists(st.tuples(NUMBERS, POSTS), max_size=3),
        turns=st.integers(0, 12),
    )
    def stop(self, tasks: list[int], told: list[tuple[int, Post]], turns: int) -> None:
        """In the middle of something, so many turns of the loop after it began: what is not on record was not done."""
        steps, rows, life = self._several(tasks, told), self.rows, self.here
        self.before = len(rows)

        async def ask(step: Step) -> bool:
            try:
                await step.ask()
            except PointsmanError:
                return False
            return True

        async def stop() -> list[bool]:
            async with asyncio.TaskGroup() as group:
                asking = [group.create_task(ask(step)) for step in steps]
                for _ in range(turns):
                    await asyncio.sleep(0)
                await life.stop()
            return [task.result() for task in asking]

        taken = self.do(stop())
        submitted = [step for step, ok in zip(steps, taken, strict=True) if ok and step.topics == ("task.submitted",)]
        assert all(self._row_of(step, rows) < len(rows) for step in submitted), "taken in, and not on record"
        self._tell(steps, rows, all_of_it=False)
        self._go_on(rows, must_wait=False)

    @precondition(lambda self: self.path is not None and self.zombie is None)
    @rule()
    def take_over(self) -> None:
        """The process stands still for a lease, and another one takes the run over."""
        journal = self.here.journal
        assert isinstance(journal, SteppedJournal)
        journal.paused, self.zombie = True, self.here
        self._go_on([], must_wait=True)

    @precondition(lambda self: self.zombie is not None)
    @rule(number=NUMBERS)
    def wake(self, number: int) -> None:
        """The process that stood still goes on where it was: nothing of that is taken, and it ends."""
        zombie, self.zombie = self.zombie, None
        assert zombie is not None

        async def wake() -> None:
            assert isinstance(zombie.journal, SteppedJournal)
            zombie.journal.go_on()
            if zombie.waiting and not zombie.over:
                names = sorted(zombie.waiting)
                name = names[number % len(names)]
                zombie.waiting[name].set_result(Order(self._children(name, number % 3), "yes"))
                await self._quiet()
                assert zombie.over, "it goes on as if the run were its own"
            assert isinstance(await zombie.refuse(), StaleOwnerError)
            await self._quiet()

        rows = len(self.rows)
        self.do(wake())
        assert len(self.rows) == rows

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def agrees_with_the_reference(self) -> None:
        if self.life is None:
            return
        model, life = self.model, self.life
        assert not life.over
        runnable = model.runnable(self.now)
        for agent, most in CONCURRENCY.items():
            running = {name for name in life.waiting if model.agent[name] == agent}
            may_run = {name for name in runnable if model.agent[name] == agent}
            assert running <= may_run
            assert len(running) == min(most, len(may_run))
        results = life.o._graph.results()
        assert {name: result.status for name, result in results.items()} == model.ended
        assert all(result.output == name for name, result in results.items() if result.ok)
        awaited = life.o._desk._open.keys()
        assert {name for name in model.open if "." not in name} <= awaited <= model.open

    @invariant()
    def the_record_is_whole(self) -> None:
        if self.life is None:
            return
        record = [row.envelope for row in self.rows]
        assert Counter(row.correlation_id for row in record if row.topic in ENDINGS) == Counter(self.model.ended.keys())
        assert [row.id for row in record] == [str(number) for number in range(1, len(record) + 1)]
        self.world.check(self.rows)
        attempts = self.attempts()
        assert all(self.life.attempts[name] == attempts[name] for name in self.life.waiting)

    @invariant()
    def envelopes_are_conserved(self) -> None:
        if self.life is not None:
            counts = self.life.o.statistics().bus
            ends = counts.handled + counts.dead_lettered + counts.expired + counts.queued + counts.in_hand
            assert counts.accepted == ends

    def finish(self) -> None:
        """Stop, and compare what is left for others with what it said."""
        if self.zombie is not None:
            self.do(self.zombie.crash())
        rows = self.rows
        self.do(self.here.stop())
        if self.path is not None:
            with JournalReader(self.path) as reader:
                assert [row.canonical for row in reader.rows()] == [row.canonical for row in rows]
                assert reader.verify().rows == len(rows)
        last = GENESIS
        for row in rows:
            last = chain(last, row.canonical)
            assert self.path is not None or row.hash == last
