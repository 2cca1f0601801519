import asyncio
import importlib.metadata
import os
import random
import subprocess
import sys
from collections import Counter
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestrator import plugins
from orchestrator.clock import run_virtual
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError, CardError, DuplicateAgentError, JournalError, PluginError, StoppedError
from orchestrator.journal import JournalReader, MemoryJournal
from orchestrator.messages import Envelope, OnFailure, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.plugins import BrokenPlugin, Plugin, PluginReport
from orchestrator.policy import Breaker, Policy, Retry
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent, in_virtual_time, until_blocked
from orchestrator.topics import ENDINGS
from tests.orchestrator.runs import make, now


def rows(o: Orchestrator) -> list[Envelope]:
    assert isinstance(o._journal, MemoryJournal)
    return [row.envelope for row in o._journal.rows]


# --- leaving the block ------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_leaving_waits_for_unfinished_tasks() -> None:
    """The last row names what is unfinished: nothing."""
    async with make([ScriptedAgent("a", takes_s=5)]) as o:
        await o.submit("a")
    assert now() == 5
    assert (rows(o)[-1].topic, rows(o)[-1].body) == ("run.stopped", {"unfinished": []})


@in_virtual_time
async def test_leaving_waits_no_longer_than_the_settings_say() -> None:
    """What has not ended by then is named in the last row, and its waiters are told."""
    async with make([ScriptedAgent("a", takes_s=50)], drain_s=2) as o:
        running = await o.submit("a", id="running")
        await o.submit("a", id="waiting", after="running")
    assert now() == 2
    assert rows(o)[-1].body == {"unfinished": ["running", "waiting"], "interrupted": ["running"]}
    with pytest.raises(StoppedError, match="'running'"):
        await running.result()


@in_virtual_time
async def test_an_exception_of_the_body_passes_as_it_is_and_stops_at_once() -> None:
    """No exception group around it, no waiting, and the journal is closed."""
    error = ZeroDivisionError("mine")
    with pytest.raises(ZeroDivisionError) as caught:  # noqa: PT012 - raised on leaving
        async with make([ScriptedAgent("a", takes_s=50)]) as o:
            await o.submit("a")
            raise error
    assert caught.value is error
    assert now() == 0
    with pytest.raises(JournalError, match="closed"):
        o._journal.append(rows(o)[0])


@in_virtual_time
async def test_a_cancelled_body_is_cancelled() -> None:
    """Cancellation is not swallowed, and everything is closed."""
    started = asyncio.Event()

    async def body() -> None:
        async with make([ScriptedAgent("a", takes_s=50)]) as o:
            await o.submit("a")
            started.set()
            await asyncio.sleep(100)

    async with asyncio.TaskGroup() as group:
        running = group.create_task(body())
        await started.wait()
        running.cancel()
    assert running.cancelled()


@in_virtual_time
async def test_a_subscriber_that_never_reads_cannot_hold_up_the_end() -> None:
    """It slows the run down, as back-pressure must; leaving the block has a deadline all the same."""
    async with make([ScriptedAgent("a")], drain_s=5) as o:
        o.bus.subscribe(">", maxsize=1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await (await o.submit("a")).result()
    assert now() <= 10
    assert rows(o)[-1].topic == "run.stopped"


# --- when the journal fails -------------------------------------------------------------------------------------------


class Failing(MemoryJournal):
    """A journal on a disk that fills up at the first row of a topic."""

    def __init__(self, topic: str, *, on_sync: bool = True) -> None:
        super().__init__("r")
        self.topic, self.on_sync = topic, on_sync
        self.full = False

    def append(self, envelope: Envelope) -> bool:
        """Take the row, or not."""
        self.full |= envelope.topic == self.topic
        if self.full and not self.on_sync:
            raise JournalError("disk full")
        return super().append(envelope)

    async def sync(self) -> None:
        """Say no from then on."""
        if self.full:
            raise JournalError("disk full")


@pytest.mark.parametrize("on_sync", [True, False])
@pytest.mark.parametrize(
    "topic",
    ["run.started", "task.submitted", "task.routed", "agent.a", "task.started", "task.completed", "run.stopped"],
)
@in_virtual_time
async def test_a_journal_that_fails_stops_the_run_with_that_error(topic: str, *, on_sync: bool) -> None:
    """Wherever it happens: JournalError out of the block, no result that was not safe, nobody left waiting."""
    results: list[Any] = []
    if topic in ("run.started", "run.stopped") and on_sync:
        topic = "task.submitted"  # nobody syncs after those two alone
    with pytest.raises(JournalError, match="disk full"):  # noqa: PT012 - raised on leaving
        async with make([ScriptedAgent("a", takes_s=1)], Failing(topic, on_sync=on_sync)) as o:
            ticket = await o.submit("a")
            if topic != "run.stopped":
                results.append(await ticket.result())
    assert results == []
    assert now() <= 11


@in_virtual_time
async def test_whoever_waits_elsewhere_is_told_that_the_run_stopped() -> None:
    """The body of the block gets the error; others who wait for a result get StoppedError."""
    told: list[str] = []

    async def run() -> None:
        with pytest.raises(JournalError):  # noqa: PT012 - raised on leaving
            async with make([ScriptedAgent("a", takes_s=1)], Failing("task.completed")) as o:
                ticket = await o.submit("a", id="t")
                group.create_task(wait(ticket))
                await asyncio.sleep(100)

    async def wait(ticket: Any) -> None:
        with pytest.raises(StoppedError) as caught:
            await ticket.result()
        told.append(caught.value.task)

    async with asyncio.TaskGroup() as group:
        group.create_task(run())
    assert told == ["t"]


@in_virtual_time
async def test_a_journal_that_fails_while_leaving_is_not_overlooked() -> None:
    """Also when the body had nothing more to do, and the failure comes during the drain."""
    with pytest.raises(JournalError, match="disk full"):
        async with make([ScriptedAgent("a", takes_s=3)], Failing("task.completed")) as o:
            await o.submit("a")
    assert now() == 3


# --- entering the block -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agents", "error"), [([object()], CardError), ([ScriptedAgent("a"), ScriptedAgent("a")], DuplicateAgentError)]
)
@in_virtual_time
async def test_what_goes_wrong_on_entry_is_raised_as_it_is(agents: list[object], error: type[Exception]) -> None:
    """No exception group, and what was opened is closed again."""
    o = make(agents)
    with pytest.raises(error):
        async with o:
            raise AssertionError("the body must not run")
    with pytest.raises(JournalError, match="closed"):
        o._journal.append(rows(o)[0])


@in_virtual_time
async def test_without_agents_the_installed_plugins_are_taken_and_broken_ones_are_on_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A broken plugin costs its agent only: journal and log name its distribution."""
    logged: list[tuple[str, dict[str, Any]]] = []

    class Log:
        def warning(self, event: str, **fields: Any) -> None:
            logged.append((event, fields))

        info = warning

    broken = BrokenPlugin("odd", "their-agents", "1", "it has no card")
    report = PluginReport((Plugin(ScriptedAgent("a"), "a", "our-agents", "1"),), (broken,))
    monkeypatch.setattr("orchestrator.enrolment.discover", lambda *, strict: report)
    o = make(None)
    o._logger = Log()  # type: ignore[assignment]
    async with o:
        assert [agent.card.name for agent in o.registry] == ["a"]
        assert (await (await o.submit("a")).result()).ok
    fact = next(envelope for envelope in rows(o) if envelope.topic == "registry.plugin_broken")
    assert fact.body["distribution"] == "their-agents"
    assert logged[0] == ("registry.plugin_broken", dict(fact.body))
    assert logged[1][0] == "task.routed"


@in_virtual_time
async def test_strict_plugins_stop_the_run_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail closed: the error names the distribution."""
    point = EntryPoint("odd", "no_such_module_at_all:x", plugins.GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: [point])
    with pytest.raises(PluginError, match="'odd'"):
        async with make(None, strict_plugins=True):
            raise AssertionError("the body must not run")


def test_by_default_a_run_is_journaled_in_a_file(tmp_path: Path) -> None:
    """Real clock, real file: what was acknowledged can be read, verified and attributed to the run."""
    settings = Settings(journal=tmp_path / "j.db", log_format="off", durability="os-crash-may-lose")

    async def main() -> str:
        async with Orchestrator(settings, agents=[ScriptedAgent("a", ["done"])], router=FixedRouter()) as o:
            assert (await (await o.submit("a")).result()).output == "done"
            assert o.statistics().journal.durable > 0
        return o.run_id

    run = asyncio.run(main())
    with JournalReader(settings.journal) as reader:
        assert reader.verify().rows > 0
        assert [summary.run for summary in reader.runs()] == [run]
        assert [row.envelope.topic for row in reader.rows()][-1] == "run.stopped"


# --- nothing is shared ------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_two_runs_in_one_process_share_nothing() -> None:
    """Ids, tasks, agents and records of one do not show in the other."""
    async with make([ScriptedAgent("a", ["one"])]) as first, make([ScriptedAgent("a", ["two"])]) as second:
        tickets = [await o.submit("a") for o in (first, second, first)]
        assert [ticket.id for ticket in tickets] == ["1", "1", "2"]
        assert [(await ticket.result()).output for ticket in tickets] == ["one", "two", "one"]
        await second.unregister("a")
        assert (await (await first.submit("a")).result()).ok
    assert len(rows(first)) > len(rows(second))


# --- the same again ---------------------------------------------------------------------------------------------------


def scripted(seed: int) -> tuple[Plan, list[Any], random.Random]:
    """Make a random plan, agents that fail, hang, refuse and add tasks at random, all of it decided by the seed."""
    rng = random.Random(seed)

    async def act(task: Task, context: TaskContext) -> Any:
        own = random.Random(f"{seed}/{task.id}/{context.attempt}")
        kind = own.choice(["ok", "ok", "ok", "fail", "refuse", "hang", "odd", "add", "add then fail", "cancel"])
        await asyncio.sleep(own.choice([0, 0, 0.5, 1, 3]))
        if kind.startswith("add") and len(task.id) < 8:
            for _ in range(own.randint(1, 2)):
                context.add_task(own.choice(["alpha", "beta", "nobody"]), on_failure=own.choice(POLICIES))
        if kind in ("fail", "add then fail"):
            raise ValueError(kind)
        if kind == "refuse":
            raise AgentError(kind)
        if kind == "hang":
            await asyncio.sleep(1000)
        if kind == "cancel":
            raise asyncio.CancelledError
        return object() if kind == "odd" else {"by": context.attempt}

    policy = Policy(
        concurrency=2,
        timeout_s=5,
        retry=Retry(max_attempts=2, backoff_s=1),
        breaker=Breaker(failures=3, cooldown_s=10),
    )
    agents = [ScriptedAgent(name, [act], policy=policy) for name in ("alpha", "beta")]
    tasks: list[Task] = []
    for n in range(rng.randint(1, 15)):
        after = tuple(task.id for task in rng.sample(tasks, min(len(tasks), rng.randint(0, 2))))
        request = rng.choice(["alpha", "beta", "alpha beta", "nobody"])
        tasks.append(Task(f"t{n}", request, after=after, on_failure=rng.choice(POLICIES)))
    return Plan("random", tuple(tasks)), agents, rng


POLICIES: tuple[OnFailure, ...] = ("fail", "skip", "continue")


async def play(seed: int, *, meddle: bool) -> Orchestrator:
    """Run the plan of this seed to its end; with `meddle`, cancel submitters and swap agents meanwhile."""
    plan, agents, rng = scripted(seed)
    async with make(agents, drain_s=20, seed=seed, capacity=rng.randint(15, 40)) as o:
        async with asyncio.TaskGroup() as group:
            submitting = group.create_task(o.submit_plan(plan))
            if meddle:
                await asyncio.sleep(rng.choice([0, 0, 1]))
                submitting.cancel()
                for n in range(rng.randint(0, 30)):
                    late = group.create_task(o.submit(rng.choice(["alpha", "beta"]), id=f"late{n}"))
                    if rng.random() < 0.2:
                        await until_blocked()
                    if rng.random() < 0.2:
                        late.cancel()
                await asyncio.sleep(rng.choice([0, 1, 4]))
                await o.unregister("beta")
                await o.register(ScriptedAgent("beta", ["new"], takes_s=1))
        await o.idle()
    return o


@hypothesis_settings(max_examples=60)
@given(st.integers(0, 10**6), st.booleans())
def test_every_task_ends_exactly_once_and_every_envelope_somewhere(seed: int, meddle: bool) -> None:  # noqa: FBT001
    """Failures, time-outs, retries, cancelled submitters, agents that go: tasks and envelopes are conserved."""
    o = run_virtual(play(seed, meddle=meddle))
    submitted = Counter(e.correlation_id for e in rows(o) if e.topic == "task.submitted")
    ended = Counter(e.correlation_id for e in rows(o) if e.topic in ENDINGS)
    assert submitted == ended
    assert set(submitted.values()) <= {1}
    assert set(submitted) == set(o._graph._entries)
    order = {(e.topic, e.correlation_id): n for n, e in enumerate(rows(o))}
    for task_id in submitted:
        end = next(order[topic, task_id] for topic in ENDINGS if (topic, task_id) in order)
        assert order["task.submitted", task_id] < end
    attempts = Counter(e.correlation_id for e in rows(o) if e.topic == "task.started")
    for envelope in rows(o):
        if envelope.topic in ENDINGS and envelope.topic != "task.abstained":
            assert envelope.body["attempts"] == attempts[envelope.correlation_id]
    counts = o.bus.statistics()
    assert (counts.queued, counts.in_hand) == (0, 0)
    assert counts.accepted == counts.handled + counts.dead_lettered + counts.expired
    assert rows(o)[-1].body == {"unfinished": []}


@hypothesis_settings(max_examples=20)
@given(st.integers(0, 10**6), st.booleans())
def test_the_same_plan_and_seed_give_the_same_journal(seed: int, meddle: bool) -> None:  # noqa: FBT001
    """Byte for byte, whatever fails on the way."""

    def export() -> bytes:
        journal = run_virtual(play(seed, meddle=meddle))._journal
        assert isinstance(journal, MemoryJournal)
        return journal.export()

    first = export()
    assert first == export()
    assert [orjson.loads(line)["id"] for line in first.splitlines()] == [str(n + 1) for n in range(first.count(b"\n"))]


RUN = """
import sys
from orchestrator.clock import VirtualClock, run_virtual
from orchestrator.journal import MemoryJournal
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.messages import Task
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent

async def main():
    journal = MemoryJournal("r")
    outcomes = [ValueError("x"), {"b": {3, 1, 2}, "a": 0}]
    agents = [ScriptedAgent(name, outcomes, takes_s=1) for name in "xyz"]
    settings = Settings(log_format="off")
    async with Orchestrator(
        settings, agents=agents, router=FixedRouter(), journal=journal, clock=VirtualClock(), run="r"
    ) as o:
        names = [f"t{n}" for n in range(12)]
        tasks = [Task(name, "xyz"[n % 3], after=tuple(names[max(0, n - 4):n:2])) for n, name in enumerate(names)]
        await o.run(Plan("p", tuple(tasks)))
    return journal.export()

sys.stdout.buffer.write(run_virtual(main()))
"""


def test_the_hash_seed_of_the_process_does_not_show() -> None:
    """No order of a set or of hashes gets into the record: two processes write the same bytes."""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", RUN], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1
    assert outputs.pop().count(b"\n") > 60


# --- looking ----------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_statistics_are_a_snapshot_of_everything() -> None:
    """Bus, graph, journal and what each agent has to do."""
    async with make([ScriptedAgent("a", takes_s=1, policy=Policy(concurrency=1))]) as o:
        for _ in range(3):
            await o.submit("a")
        await until_blocked()
        snapshot = o.statistics()
        await o.idle()
        assert snapshot.agents == {"a": 3}
        assert snapshot.graph.ready == 3
        assert o.statistics().graph.ended == {"completed": 3}
        assert snapshot.bus.in_hand >= 1


@in_virtual_time
async def test_a_plan_runs_to_its_results_by_task_id() -> None:
    """`run` is submit and wait; an id for each task, in the order of the plan."""
    async with make([ScriptedAgent("a", ["one", "two"])]) as o:
        results = await o.run(Plan("p", (Task("x", "a"), Task("y", "a", after=("x",)))))
    assert {name: result.output for name, result in results.items()} == {"x": "one", "y": "two"}
