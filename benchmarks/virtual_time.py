"""Virtual time and what it must not depend on: `python -m benchmarks.virtual_time [--check]`.

1. 2,000 timers over more than an hour: how long they take for real, the least of several runs.
2. The same plan in processes with three hash seeds, and its agents registered in three orders, one process after the
   other and four side by side: one journal. With 1 and 4 attempts of each agent at the same time: one set of results.
3. Five planted agents that read past their context: `pointsman doctor --determinism` names each by its line.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks import planted_agents
from orchestrator.agent import Agent, AgentCard
from orchestrator.clock import VirtualClock, run_virtual, seeded_random
from orchestrator.context import TaskContext
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.policy import Policy
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter
from scenarios.determinism import Examination, examine
from scenarios.leaks import Leak

AGENTS: Final = 8
TASKS: Final = 40
NAPS: Final = 50
LIMIT_S: Final = 2.0
ORDERS: Final = ("given", "reversed", "shuffled")
_ENTRY_POINTS: Final = "[pointsman.agents]\n{lines}\n"
_METADATA: Final = "Metadata-Version: 2.1\nName: planted\nVersion: 1\n"


class Sleeper:
    """Sleeps many times, for as long as chance says."""

    def __init__(self, name: str, workers: int) -> None:
        policy = Policy(timeout_s=86_400, concurrency=workers)
        self.card = AgentCard(name=name, summary="Sleeps", examples=("sleep well",), policy=policy)

    async def handle(self, task: Task, context: TaskContext) -> Any:
        """Return how long it slept in all, and an id."""
        naps = [context.random.uniform(1, 120) for _ in range(NAPS)]
        for seconds in naps:
            await asyncio.sleep(seconds)
        return {"slept": round(sum(naps), 6), "id": context.new_id(), "task": task.id}


def run_once(order: str, workers: int) -> dict[str, Any]:
    """Run the plan of sleepers, and say what it came to."""
    agents: list[Agent] = [Sleeper(f"sleeper-{number}", workers) for number in range(AGENTS)]
    tasks = tuple(Task(f"t{number}", "sleep", agent=f"sleeper-{number % AGENTS}") for number in range(TASKS))
    if order == "shuffled":
        seeded_random(0, "order").shuffle(agents)
    journal = MemoryJournal("sleepers")

    async def main() -> tuple[Any, float]:
        settings = Settings(log_format="off")
        given = agents[::-1] if order == "reversed" else agents
        async with Orchestrator(
            settings, agents=given, router=FixedRouter(), journal=journal, clock=VirtualClock(), run="sleepers"
        ) as orchestrator:
            results = await orchestrator.run(Plan("sleepers", tasks))
        return {name: result.output for name, result in results.items()}, asyncio.get_running_loop().time()

    begun = time.perf_counter()
    results, passed = run_virtual(main())
    seconds = time.perf_counter() - begun
    return {
        "journal": hashlib.sha256(journal.export()).hexdigest(),
        "results": hashlib.sha256(json.dumps(results, sort_keys=True).encode()).hexdigest(),
        "virtual_s": passed,
        "seconds": seconds,
    }


def measure_timers(runs: int) -> bool:
    """Print how long the timers take; return whether that is within the limit."""
    found = [run_once("given", 4) for _ in range(runs)]
    least, passed = min(one["seconds"] for one in found), found[0]["virtual_s"]
    print(
        f"timers      {TASKS * NAPS} timers over {passed:,.0f} s of virtual time in {least:.2f} s, limit {LIMIT_S:g} s"
    )
    return bool(least <= LIMIT_S and passed > 3600)


def compare_processes() -> bool:
    """Print what processes with other hash seeds, orders and workers come to; return whether it is the same."""
    varied = [(seed, ORDERS[seed], 4) for seed in range(3)]
    one_by_one = [_finish(_begin(*one)) for one in varied]
    beside = [_begin(*one) for one in (*varied, (0, "reversed", 4))]
    side_by_side = [_finish(one) for one in beside]
    fewer = [_finish(_begin(0, "given", workers)) for workers in (1, 4)]
    journals = {one["journal"] for one in (*one_by_one, *side_by_side)}
    results = {one["results"] for one in (*one_by_one, *side_by_side, *fewer)}
    runs = len(one_by_one) + len(side_by_side)
    print(f"journals    {len(journals)} in {runs} processes: 3 hash seeds, 3 orders, 1 and 4 side by side")
    print(f"results     {len(results)} with 1 and 4 attempts at a time; {next(iter(journals))[:12]}")
    return len(journals) == len(results) == 1


def _begin(seed: int, order: str, workers: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.virtual_time", "--once", order, "--workers", str(workers)]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def _finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=300)
    if process.returncode:
        raise RuntimeError(f"a process ended with {process.returncode}")
    found: dict[str, Any] = json.loads(out)
    return found


def planted_lines() -> dict[str, int]:
    """Return the line that has to be named, by agent."""
    source = Path(planted_agents.__file__).read_text(encoding="utf-8").splitlines()
    found, name = {}, ""
    for number, line in enumerate(source, start=1):
        if line.startswith("@agent("):
            name = line.split('"')[1]
        if line.endswith("planted"):
            found[name] = number
    return found


@contextmanager
def planted() -> Iterator[Path]:
    """Install the planted agents for the processes of an examination; give the folder of a plan that asks them all."""
    with tempfile.TemporaryDirectory() as name:
        about = Path(name) / "planted-1.dist-info"
        about.mkdir()
        names = [one.card.name for one in planted_agents.PLANTED]
        (about / "METADATA").write_text(_METADATA)
        lines = "\n".join(f"{one}=benchmarks.planted_agents:{one}" for one in names)
        (about / "entry_points.txt").write_text(_ENTRY_POINTS.format(lines=lines))
        tasks = "\n".join(f"  {one}: {{request: do your work, agent: {one}}}" for one in names)
        (Path(name) / "planted.plan.yaml").write_text(f"plan: planted\ntasks:\n{tasks}\n")
        (Path(name) / "inputs").mkdir()
        sys.path.append(name)
        try:
            yield Path(name)
        finally:
            sys.path.remove(name)


def examine_planted(**more: Any) -> Examination:
    """Examine the plan of the planted agents."""
    with planted() as folder:
        agents = planted_agents.PLANTED
        return examine(folder / "planted.plan.yaml", workspace=folder / "inputs", agents=agents, **more)


def find_planted() -> bool:
    """Print which planted lines are named; return whether all are, and no other."""
    found, wanted = examine_planted().leaks, planted_lines()
    for leak in found:
        right = "planted" if wanted.get(leak.agent) == leak.line.line else "not planted"
        print(f"leak        {leak.agent}, line {leak.line.line}, {leak.kind}: {leak.what} ({right})")
    print(f"planted     {len(_named(found) & wanted.items())} of {len(wanted)} named, {len(found)} lines in all")
    return _named(found) == set(wanted.items())


def _named(found: Sequence[Leak]) -> set[tuple[str, int]]:
    return {(leak.agent, leak.line.line) for leak in found}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, compare, examine; return 1 if anything is not as it should be and `--check` was given."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.virtual_time",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=5, help="of the timers (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="exit code 1 unless all of it holds")
    parser.add_argument("--once", choices=ORDERS, help="run the plan once, print JSON and leave")
    parser.add_argument("--workers", type=int, default=4, help="with --once: attempts of an agent at the same time")
    options = parser.parse_args(arguments)
    if options.once:
        print(json.dumps(run_once(options.once, options.workers)))
        return 0
    held = [measure_timers(options.runs), compare_processes(), find_planted()]
    return int(options.check and not all(held))


if __name__ == "__main__":
    sys.exit(main())
