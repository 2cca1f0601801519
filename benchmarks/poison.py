"""Measure what poison agents do to others: `python -m benchmarks.poison [--rounds N] [--seconds S] [--apart S]`.

In one run, stretches with poison and without follow each other; the poison tasks arrive in the same instant, at the
beginning of theirs. Tasks of an honest agent arrive at a steady pace in both; its p99 with poison is divided by its p99
without. The command fails if that is two or more, or if a poison task was not attempted as often as it may be and then
a dead letter with its cause.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.full_path import WORK
from benchmarks.poison_agents import ATTEMPTS, POISONS, Honest
from orchestrator import Orchestrator, Result, Settings
from orchestrator.journal import JournalReader
from orchestrator.testing import FixedRouter

BAR: Final = 2.0
#: Tasks of the honest agent a second.
PACE: Final = 50


@dataclass(slots=True)
class Found:
    """Latencies of the honest agent's tasks in seconds, and how the poison tasks ended."""

    quiet: list[float] = field(default_factory=list)
    poisoned: list[float] = field(default_factory=list)
    ends: list[Result] = field(default_factory=list)
    causes: dict[str, str] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """The p99 with poison by the p99 without."""
        return p99(self.poisoned) / p99(self.quiet)

    def wrong(self) -> list[str]:
        """Return what is not as it should be, a line each."""
        wanted = {poison.card.name: poison.cause for poison in POISONS}
        lines = [
            f"{end.agent}: {end.status} after {end.attempts} attempts, {self.causes.get(end.task_id)}: {end.error}"
            for end in self.ends
            if (end.status, end.attempts) != ("dead_lettered", ATTEMPTS)
            or self.causes.get(end.task_id) != wanted[end.agent]
        ]
        if self.ratio >= BAR:
            lines.append(f"others' p99 is {self.ratio:.2f} times its undisturbed one; the bar is {BAR:g}")
        return lines


def p99(latencies: Sequence[float]) -> float:
    """Return the 99th percentile, by nearest rank."""
    return sorted(latencies)[math.ceil(0.99 * len(latencies)) - 1]


async def measure(journal: Path, rounds: int, seconds: float, apart_s: float = 0.0) -> Found:
    """Run the stretches and return what was found.

    Args:
        journal: the file.
        rounds: how many pairs of stretches.
        seconds: of each stretch.
        apart_s: between the arrivals of poison tasks; 0 lets all of them arrive in the same instant.
    """
    found = Found()
    settings = Settings(journal=journal, log_format="off", drain_s=60)
    async with Orchestrator(settings, agents=[Honest(), *POISONS], router=FixedRouter(), run="poison") as o:
        await _stretch(o, seconds / 2, [])  # warm-up
        for _ in range(rounds):
            await _stretch(o, seconds, found.quiet)
            async with asyncio.TaskGroup() as group:
                poisoning = group.create_task(_poison(o, apart_s))
                await _stretch(o, seconds, found.poisoned)
            found.ends += poisoning.result()
    with JournalReader(journal) as reader:
        for row in reader.rows(topics=["task.dead_lettered"]):
            found.causes[row.envelope.correlation_id] = row.envelope.body["cause"]
    return found


async def _poison(o: Orchestrator, apart_s: float) -> list[Result]:
    """Let the poison tasks arrive so many seconds apart; return how they ended."""
    tickets = []
    for poison in POISONS:
        tickets.append(await o.submit(f"please {poison.card.name}", agent=poison.card.name))
        await asyncio.sleep(apart_s)
    return [await ticket.result() for ticket in tickets]


async def _stretch(o: Orchestrator, seconds: float, latencies: list[float]) -> None:
    """Let tasks arrive at a steady pace and note how long each took."""
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(round(seconds * PACE)):
            await asyncio.sleep(max(0.0, begun + number / PACE - time.perf_counter()))
            group.create_task(_one(o, latencies))


async def _one(o: Orchestrator, latencies: list[float]) -> None:
    begun = time.perf_counter()
    await (await o.submit("please be honest", agent="honest")).result()
    latencies.append(time.perf_counter() - begun)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.poison")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each stretch; the last poison works for about 3")
    parser.add_argument("--apart", type=float, default=0.0, help="seconds between the arrivals of poison tasks")
    given = parser.parse_args(arguments)
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        found = asyncio.run(measure(Path(folder) / "journal.db", given.rounds, given.seconds, given.apart))
    print(f"honest tasks: {len(found.quiet)} undisturbed, {len(found.poisoned)} beside {len(POISONS)} poison agents")
    print(f"p99 undisturbed {1000 * p99(found.quiet):.1f} ms, beside poison {1000 * p99(found.poisoned):.1f} ms")
    print(f"ratio {found.ratio:.2f} (bar: below {BAR:g}); {len(found.ends)} poison tasks")
    wrong = found.wrong()
    for line in wrong:
        print(f"WRONG: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
