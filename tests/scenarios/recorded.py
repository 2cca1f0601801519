"""A real run of nine tasks, small and in virtual time, and ways to write down that it went otherwise."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from orchestrator import Policy, TaskContext, agent
from orchestrator.clock import VirtualClock, run_virtual
from orchestrator.journal import MemoryJournal, Row, chain, encode
from orchestrator.journal.rows import GENESIS
from orchestrator.messages import Envelope, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.settings import Settings
from router import KeywordRouter
from scenarios.divergence import Comparison, compare
from scenarios.track import MemoryTrack

#: Branches of the plan: `pay-N`, then `print-N` that waits for it, and `close` for all of them.
BRANCHES: Final = 3


@agent("clerk", summary="Pays invoices.", examples=["pay the invoice", "pay the bill of the supplier"])
async def clerk(payload: dict[str, Any], context: TaskContext) -> dict[str, Any]:
    """Pay in two parts, each with a receipt."""
    parts = [await context.effect("pay", lambda key: key) for _ in range(2)]
    return {"paid": payload["cents"], "receipts": parts, "rate": 0.25}


@agent(
    "printer",
    summary="Prints letters.",
    examples=["print the letter", "print the statement"],
    policy=Policy(concurrency=1),
)
async def printer(payload: dict[str, Any]) -> dict[str, Any]:
    """Print what the clerk paid."""
    return {"pages": payload["of"]["paid"] // 100}


@agent("auditor", summary="Closes books.", examples=["close the books", "close the year"])
async def auditor(payload: dict[str, Any], context: TaskContext) -> str:
    """Close, and have a fee paid."""
    context.add_task("pay the fee", agent="clerk", payload={"cents": 5})
    return f"closed {len(payload)}"


def _plan() -> Plan:
    tasks: list[Task] = []
    for n in range(BRANCHES):
        tasks.append(Task(f"pay-{n}", "pay the invoice", {"cents": 100 * (n + 1)}))
        tasks.append(Task(f"print-{n}", "print the letter", {"of": {"$result": f"pay-{n}"}}, (f"pay-{n}",)))
    prints = tuple(f"print-{n}" for n in range(BRANCHES))
    tasks.append(Task("close", "close the books", {name: {"$result": name} for name in prints}, prints))
    tasks.append(Task("odd", "zzz qqq"))
    return Plan("made for a test", tuple(tasks))


async def _play(run: str, journal: MemoryJournal) -> None:
    settings = Settings(log_format="off", seed=7)
    agents, clock = [clerk, printer, auditor], VirtualClock()
    made = functools.partial(Orchestrator, settings, agents=agents, router=KeywordRouter(), clock=clock)
    async with made(journal=journal, run=run) as orchestrator:
        await orchestrator.run(_plan())


@functools.cache
def record(run: str = "as-recorded") -> tuple[Row, ...]:
    """Return the rows of the run under a name."""
    journal = MemoryJournal(run)
    run_virtual(_play(run, journal))
    return tuple(journal.rows)


def envelopes(run: str = "as-recorded") -> list[Envelope]:
    """Return the run as envelopes with bodies of their own, to be changed."""
    return [row.envelope._replace(body=orjson.loads(orjson.dumps(row.envelope.body))) for row in record(run)]


def body(row: Envelope) -> dict[str, Any]:
    """Return the body of one of `envelopes`, to be changed."""
    assert isinstance(row.body, dict)
    return row.body


def renumbered(changed: Iterable[Envelope]) -> list[Envelope]:
    """Return envelopes with ids that count up, as a run gives them; causes go along. A copy has no effects."""
    ids: dict[str, str] = {}
    made = []
    for number, one in enumerate(changed, start=1):
        made.append(one._replace(id=str(number), causation_id=ids.get(one.causation_id, one.causation_id)))
        ids.setdefault(one.id, str(number))
    return made


def track(changed: Sequence[Envelope], run: str = "as-recorded") -> MemoryTrack:
    """Return envelopes as the rows of a run."""
    rows, last = [], GENESIS
    for sequence, one in enumerate(changed, start=1):
        canonical = encode(run, one)
        last = chain(last, canonical)
        rows.append(Row(sequence, run, one, canonical, last))
    return MemoryTrack(rows)


def against(changed: Sequence[Envelope], **options: Any) -> Comparison:
    """Compare the run as it was with the run as it is changed."""
    return compare(MemoryTrack(record()), track(changed), **options)


def find(rows: Sequence[Envelope], topic: str, task: str = "", nth: int = 0) -> int:
    """Return the place of a row."""
    found = [at for at, one in enumerate(rows) if one.topic == topic and one.correlation_id == task]
    return found[nth]
