"""The full path: every task routed, supervised, journaled with fsync and logged."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.agents_and_router import Cast, assemble_cast
from benchmarks.work import Cost, Graph, Meter, Node, require
from orchestrator.logs import make_logger
from orchestrator.messages import Result, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.settings import Settings

#: On the disk of the working tree: a folder for temporary files may be in memory, where fsync costs nothing.
WORK: Final = Path(".bench/work")
#: The heartbeat is on, and has nothing to tell where instructions are counted, which takes fifty times as long.
_SLOW_MACHINE_S: Final = 600.0


def full_graph(cast: Cast | None = None) -> Graph:
    """Return the way to run a graph with everything on."""
    chosen = cast or assemble_cast()

    async def graph(nodes: Sequence[Node]) -> Cost:
        return await run_full(nodes, chosen)

    return graph


async def run_full(nodes: Sequence[Node], cast: Cast) -> Cost:
    """Run a graph through an orchestrator; the section measured is from raw nodes to results that are on the disk.

    Opening the journal, loading the router and registering six agents come before it, closing after it.
    """
    requests = cast.requests(len(nodes))
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as name:
        folder = Path(name)
        log = folder / "decisions.jsonl"
        with log.open("w", encoding="utf-8") as stream:
            settings = Settings(
                journal=folder / "journal.db",
                durability="power-cut-safe",
                log_format="json",
                blocked_after_s=_SLOW_MACHINE_S,
            )
            logger = make_logger("json", stream)
            async with Orchestrator(settings, agents=cast.agents, router=_fresh(cast), logger=logger) as orchestrator:
                with Meter() as meter:
                    tasks = tuple(
                        Task(node.id, request, after=node.after) for node, request in zip(nodes, requests, strict=True)
                    )
                    results = await orchestrator.run(Plan("benchmark", tasks))
                durable = orchestrator.statistics().journal.durable
        _check(nodes, results, durable, log)
    return meter.cost


def seconds_per_fsync(count: int = 30) -> float:
    """Return the wall seconds of appending 4 KiB and one fsync, on the disk that the journals are on."""
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=WORK) as file, Meter() as meter:
        for _ in range(count):
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    return meter.cost.wall_s / count


def _fresh(cast: Cast) -> Any:
    for name in cast.router.names:
        cast.router.remove(name)
    return cast.router


def _check(nodes: Sequence[Node], results: dict[str, Result], durable: int, log: Path) -> None:
    completed = sum(result.ok for result in results.values())
    require(completed == len(nodes), f"{completed} of {len(nodes)} tasks completed")
    require(durable >= 5 * len(nodes), f"{durable} rows are on the disk for {len(nodes)} tasks")
    lines = len(log.read_text(encoding="utf-8").splitlines())
    require(lines == len(nodes), f"{lines} lines in the log for {len(nodes)} decisions")
    agents = {result.agent for result in results.values()}
    require(len(agents) > 1, f"all went to {agents}")
