"""A million events through bus and journal, on a disk: `python -m benchmarks.journal_events [--json FILE] [--check]`.

Writers publish an event and wait until it is on the disk, over and over, each one event at a time; somebody reads them
all. How many events share an fsync is counted: commits, each of which waits for one. In between, in the same run and
folder, raw fdatasyncs are timed: 4 KiB appended, one fdatasync, the least that any way of making an event durable waits
for. Events in the time of a raw one tell what the sharing is worth on this disk; where it does more than some hundred a
second, the processor is the limit and not the disk, and that figure a goal and no must.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.bars import Bar, Level, Verdict, judge
from benchmarks.full_path import WORK
from benchmarks.work import require
from orchestrator.bus import Bus, Subscription
from orchestrator.clock import Ids
from orchestrator.journal import JournalReader, SqliteJournal

#: Least durable events per fsync, by number of writers.
SHARING: Final = {64: 25.0, 512: 100.0}
#: MB that a million events may add to the process.
GROWTH_MB: Final = 10.0
#: On a disk of more raw fdatasyncs a second, 512 events take the processor longer than one takes the disk.
SLOW_DISK: Final = 200.0
#: Events by number of writers: the million, and enough of the others for a steady figure.
EVENTS: Final = {64: 200_000, 512: 1_000_000}
_PARTS: Final = 20
_SYNCS: Final = 20
# The first parts are left out of the slope: allocator, page cache and write-ahead log grow to their size in them.
_WARM_UP: Final = _PARTS // 5


@dataclass(frozen=True, slots=True)
class Load:
    """What some writers did.

    Attributes:
        writers: how many wrote at a time.
        events: made durable.
        per_second: of them, at the median of the parts.
        per_commit: events in a transaction, on average.
        fdatasyncs_per_second: raw ones, at the median of what was measured between the parts.
        per_fdatasync: events in the time of one raw fdatasync, at the median of the parts.
        cpu_us: of this process, for an event.
        p50_ms: from publishing to durable.
        p99_ms: the same, of the slowest of a hundred.
        mb_per_million: growth of the resident set after warm-up, by least squares.
    """

    writers: int
    events: int
    per_second: float
    per_commit: float
    fdatasyncs_per_second: float
    per_fdatasync: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    mb_per_million: float


async def measure(writers: int, events: int, folder: Path) -> Load:
    """Let writers make that many events durable, part by part, with raw fdatasyncs between the parts."""
    each = -(-events // (_PARTS * writers))
    journal = SqliteJournal(folder / f"{writers}.db", "bench")
    bus = Bus(ids=Ids("bench"), tap=journal)
    rates, raw, sizes, waits, cpu = [], [], [], _Waits(), 0.0
    async with asyncio.TaskGroup() as group:
        group.create_task(_read(bus.subscribe("bench.>")))
        for _ in range(_PARTS):
            before = _fdatasyncs_per_second(folder)
            begun, cpu_begun = time.perf_counter(), time.process_time()
            async with asyncio.TaskGroup() as part:
                for writer in range(writers):
                    part.create_task(_write(bus, journal, f"bench.w{writer}", each, waits))
            cpu += time.process_time() - cpu_begun
            rates.append(each * writers / (time.perf_counter() - begun))
            raw.append((before + _fdatasyncs_per_second(folder)) / 2)
            sizes.append(_resident_bytes())
        bus.close()
    counts = journal.statistics()
    require(counts.durable == each * writers * _PARTS, f"{counts.durable} events are on the disk")
    await journal.aclose()
    return Load(
        writers,
        counts.durable,
        statistics.median(rates),
        counts.durable / counts.commits,
        statistics.median(raw),
        statistics.median(rate / syncs for rate, syncs in zip(rates, raw, strict=True)),
        1e6 * cpu / counts.durable,
        *waits.milliseconds(),
        _slope(sizes[_WARM_UP:]) / 1e6 / (each * writers) * 1e6,
    )


class _Waits:
    """How long events took to be durable, counted in steps of 0.1 ms: a list of a million would itself grow."""

    def __init__(self) -> None:
        self.counts = [0] * 20_000

    def add(self, seconds: float) -> None:
        self.counts[min(int(seconds * 10_000), len(self.counts) - 1)] += 1

    def milliseconds(self) -> tuple[float, float]:
        return self._at(0.5), self._at(0.99)

    def _at(self, share: float) -> float:
        left = share * sum(self.counts)
        for step, count in enumerate(self.counts):
            left -= count
            if left <= 0:
                return step / 10
        return len(self.counts) / 10


async def _write(bus: Bus, journal: SqliteJournal, topic: str, count: int, waits: _Waits) -> None:
    for n in range(count):
        begun = time.perf_counter()
        await bus.publish(topic, {"n": n, "what": "an event of the benchmark", "ok": True})
        await journal.sync()
        waits.add(time.perf_counter() - begun)


async def _read(subscription: Subscription) -> None:
    async for _ in subscription:
        pass


def _fdatasyncs_per_second(folder: Path) -> float:
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        begun = time.perf_counter()
        for _ in range(_SYNCS):
            file.write(bytes(4096))
            file.flush()
            getattr(os, "fdatasync", os.fsync)(file.fileno())
        return _SYNCS / (time.perf_counter() - begun)


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:  # elsewhere than on Linux, the highest ever, which is no less
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * os.sysconf("SC_PAGE_SIZE")


def _slope(values: Sequence[float]) -> float:
    """Return how much values in equal steps grow in one, by least squares."""
    return statistics.linear_regression(range(len(values)), values).slope


def hold_against_bars(loads: Sequence[Load]) -> list[Verdict]:
    """Return the bars with what was measured."""
    bars, figures = [Bar("MB grown per million events", GROWTH_MB)], {}
    figures[bars[0].figure] = loads[-1].mb_per_million
    for load in loads:
        level: Level = "must" if load.fdatasyncs_per_second <= SLOW_DISK else "goal"
        shared = f"{load.writers} writers: durable events per fsync"
        timed = f"{load.writers} writers: durable events in the time of a raw fdatasync"
        bars.append(Bar(shared, SHARING[load.writers], at_least=True))
        bars.append(Bar(timed, SHARING[load.writers], level, at_least=True))
        figures |= {shared: load.per_commit, timed: load.per_fdatasync}
    return judge(figures, peers=False, bars=bars)


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure all loads and verify the chain of the largest; return the report."""
    WORK.mkdir(parents=True, exist_ok=True)
    loads, verified = [], 0
    with tempfile.TemporaryDirectory(dir=WORK) as name:
        for writers, events in EVENTS.items():
            loads.append(asyncio.run(measure(writers, writers * _PARTS if quick else events, Path(name))))
            with JournalReader(Path(name) / f"{writers}.db") as reader:
                verified += reader.verify().rows
    require(verified == sum(load.events for load in loads), f"{verified} rows verified")
    verdicts = hold_against_bars(loads)
    return {
        "schema": 1,
        "quick": quick,
        "loads": [asdict(load) for load in loads],
        "verified": verified,
        "bars": [{**asdict(verdict.bar), "value": verdict.value, "passed": verdict.passed} for verdict in verdicts],
    }


def print_report(report: dict[str, Any]) -> None:
    """Print the loads and the bars."""
    table = Table(title=f"durable events, {report['verified']:,} rows verified")
    for heading in ("writers", *(f"{load['writers']}" for load in report["loads"])):
        table.add_column(heading, justify="right")
    for name in report["loads"][0]:
        if name != "writers":
            table.add_row(
                name.replace("_", " "),
                *(
                    f"{load[name]:,.4g}" if isinstance(load[name], float) else f"{load[name]:,}"
                    for load in report["loads"]
                ),
            )
    bars = Table(title="bars")
    for heading in ("figure", "measured", "limit", "level", ""):
        bars.add_column(heading)
    for bar in report["bars"]:
        limit = f"{'at least' if bar['at_least'] else 'at most'} {bar['limit']:g}"
        bars.add_row(
            bar["figure"],
            f"{bar['value']:.3g}",
            limit,
            bar["level"],
            "pass" if bar["passed"] else "[bold red]MISSED[/]",
        )
    Console().print(table, bars)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return 1 if a bar is missed and `--check` was given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.journal_events", description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="few events: shows that it runs, measures nothing")
    parser.add_argument("--check", action="store_true", help="exit code 1 if a bar is missed")
    options = parser.parse_args(arguments)
    report = run(quick=options.quick)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print_report(report)
    missed = [bar for bar in report["bars"] if bar["level"] == "must" and not bar["passed"]]
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
