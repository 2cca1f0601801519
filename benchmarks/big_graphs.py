"""Measure whether a big graph costs its size and no more: `python -m benchmarks.big_graphs [--check] [--quick]`.

Each figure comes from a process of its own, so that memory is that of one run: the peak of what is resident, less what
was before. A run is from a plan to results that are handed out; `graph` has the task graph alone in place of a run.

CPU and memory have bars. Wall time has none: on a disk, a chain waits for one commit after the other, one a task, and
so takes as long as 100,000 fsyncs in a row. The commits of each run are counted, and raw fsyncs timed beside it. All of
it took 32 minutes on two cores that others kept busy (8 of them of CPU), where a raw fsync took 7 ms; the chain on the
disk was 7 of them. Give it an hour at most: `--through` and `--shapes` choose parts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from benchmarks.full_path import WORK, seconds_per_fsync
from benchmarks.graph_shapes import REQUEST, SHAPES, Shape, make_tasks
from benchmarks.work import Meter, require
from orchestrator.agent import agent
from orchestrator.errors import CapacityError, CycleError, DocumentError
from orchestrator.graph import TaskGraph
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Result, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import MAX_TASKS, Plan, load_plan
from orchestrator.settings import Settings

Through = Literal["graph", "memory", "sqlite"]
THROUGH: Final[tuple[Through, ...]] = ("graph", "memory", "sqlite")
SIZES: Final = (10_000, 100_000)
TINY_SIZES: Final = (100, 1_000)
#: Ten times the tasks may take twice ten times as much.
MOST_RATIO: Final = 20.0
#: Seconds of CPU until a plan beyond the cap is refused, and until a cycle as large as the cap is named.
MOST_REFUSED_S: Final = 1.0
MOST_CYCLE_S: Final = 5.0
#: Seconds of CPU that the graph alone takes for as many tasks as a plan may have.
MOST_GRAPH_S: Final = 5.0
_PAGE: Final = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Figure:
    """One run: seconds of CPU and of wall, megabytes at the peak beside what was resident before.

    On a disk also how many commits it took, and the seconds of a raw fsync right after it.
    """

    cpu_s: float
    wall_s: float
    peak_mb: float
    commits: int = 0
    fsync_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Pair:
    """The same work at two sizes."""

    through: str
    shape: str
    small: Figure
    large: Figure

    @property
    def ratios(self) -> tuple[float, float, float]:
        """How many times as much CPU, wall time and memory the larger one takes."""
        memory = self.large.peak_mb / max(self.small.peak_mb, 0.1)
        return self.large.cpu_s / self.small.cpu_s, self.large.wall_s / self.small.wall_s, memory

    @property
    def near_linear(self) -> bool:
        """Whether CPU and memory keep the bar; wall time waits for a disk that others use too.

        The graph alone has a bar in seconds: at 10,000 tasks it still fits the caches of a processor.
        """
        cpu, _, memory = self.ratios
        in_time = self.large.cpu_s <= MOST_GRAPH_S if self.through == "graph" else cpu <= MOST_RATIO
        return in_time and memory <= MOST_RATIO


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is refused, in how many seconds of CPU, of how many at most, in which words."""

    what: str
    cpu_s: float
    most_s: float
    words: str

    @property
    def passed(self) -> bool:
        """Whether it was refused in time, in words that a person can read."""
        return 0 <= self.cpu_s <= self.most_s and 0 < len(self.words) < 500


@agent("clerk", summary="does a task", examples=[REQUEST])
async def clerk(request: str) -> None:
    """Do nothing."""


def measure_one(through: Through, shape: Shape, size: int) -> Figure:
    """Run one graph in this process; a small one goes before, so that what is loaded once is not counted."""
    asyncio.run(_run(through, make_tasks(shape, 50, clerk.card.name)))
    tasks = make_tasks(shape, size, clerk.card.name)
    before = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    meter, commits = asyncio.run(_run(through, tasks))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    cost, fsync_s = meter.cost, seconds_per_fsync() if commits else 0.0
    return Figure(cost.cpu_s, cost.wall_s, max(0, peak - before) / 1e6, commits, fsync_s)


async def _run(through: Through, tasks: tuple[Task, ...]) -> tuple[Meter, int]:
    if through == "graph":
        with Meter() as meter:
            require(_run_graph(tasks) == len(tasks), "all tasks of the graph ended")
        return meter, 0
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        settings = Settings(journal=Path(folder) / "journal.db", log_format="off")
        journal = MemoryJournal("big") if through == "memory" else None
        async with Orchestrator(settings, agents=[clerk], journal=journal) as orchestrator:
            with Meter() as meter:
                results = await orchestrator.run(Plan("big", tasks))
            require(sum(result.ok for result in results.values()) == len(tasks), "all tasks completed")
            commits = orchestrator.statistics().journal.commits
    return meter, commits


def _run_graph(tasks: Sequence[Task]) -> int:
    """Complete one task after the other; return how many."""
    graph = TaskGraph()
    ready = list(graph.add(tasks).ready)
    for task in ready:  # it grows
        ready += graph.complete(task.id, Result(task.id, "completed")).ready
    return len(ready)


def measure_pairs(
    sizes: tuple[int, int], through: Iterable[Through], shapes: Sequence[Shape], runs: int = 3
) -> Iterable[Pair]:
    """Yield what each shape costs at both sizes; of the smaller one, the run of so many that took least CPU."""
    for way in through:
        for shape in shapes:
            small = min((_in_a_process(way, shape, sizes[0]) for _ in range(runs)), key=lambda figure: figure.cpu_s)
            yield Pair(way, shape, small, _in_a_process(way, shape, sizes[1]))


def _in_a_process(through: Through, shape: Shape, size: int) -> Figure:
    command = [sys.executable, "-m", "benchmarks.big_graphs", "--one", through, shape, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    require(done.returncode == 0, f"{' '.join(command[1:])}: {done.stderr[-2000:]}")
    return Figure(**json.loads(done.stdout))


def measure_refusals(beyond: int = 1_000_000, cycle: int = MAX_TASKS) -> list[Refusal]:
    """Return what becomes of a plan beyond the cap, as a value and as a file, and of a cycle as big as a plan."""
    many, round_about = make_tasks("chain", 4) * (beyond // 4), make_tasks("cycle", cycle)
    found = [
        _refused(f"a plan of {beyond} tasks", lambda: Plan("p", many), CapacityError, MOST_REFUSED_S),
        _refused(f"a cycle of {cycle} tasks", lambda: Plan("p", round_about), CycleError, MOST_CYCLE_S),
    ]
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        path = Path(folder) / "beyond.plan.yaml"
        with path.open("w", encoding="utf-8") as file:
            file.write("plan: beyond\ntasks:\n")
            file.writelines(f"  t{number}: {{request: {REQUEST}}}\n" for number in range(beyond))
        found.append(_refused("the same as a file", lambda: load_plan(path), DocumentError, MOST_REFUSED_S))
    return found


def _refused(what: str, make: Callable[[], object], error: type[Exception], most_s: float) -> Refusal:
    words = ""
    with Meter() as meter:
        try:
            make()
        except error as refusal:
            words = str(refusal)
    return Refusal(what, meter.cost.cpu_s, most_s, words)


def as_json(pairs: Sequence[Pair], refusals: Sequence[Refusal], sizes: tuple[int, int]) -> dict[str, Any]:
    """Return all figures as a JSON object."""
    return {
        "schema": 1,
        "sizes": list(sizes),
        "pairs": [
            {**asdict(pair), "ratios": [round(ratio, 2) for ratio in pair.ratios], "passed": pair.near_linear}
            for pair in pairs
        ],
        "refusals": [{**asdict(refusal), "passed": refusal.passed} for refusal in refusals],
    }


def _print_pair(pair: Pair) -> None:
    cpu, wall, memory = pair.ratios
    small, large = pair.small, pair.large
    print(
        f"{pair.through:8}{pair.shape:8}{small.cpu_s:9.2f}{large.cpu_s:9.2f}{cpu:7.1f}"
        f"{small.wall_s:9.2f}{large.wall_s:9.2f}{wall:7.1f}{small.peak_mb:8.0f}{large.peak_mb:8.0f}{memory:7.1f}"
        f"  {'pass' if pair.near_linear else 'MISSED'}",
        flush=True,
    )
    if large.commits:
        each, raw = 1000 * large.wall_s / large.commits, 1000 * large.fsync_s
        print(f"  the latter in {large.commits} commits, {each:.2f} ms each; a raw fsync took {raw:.2f} ms", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a bar is missed and `--check` was given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.big_graphs", description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs, measures nothing")
    parser.add_argument("--check", action="store_true", help="exit code 1 if a bar is missed")
    parser.add_argument("--through", nargs="+", choices=THROUGH, default=THROUGH, help="what the tasks go through")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=SHAPES)
    parser.add_argument("--one", nargs=3, metavar=("THROUGH", "SHAPE", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        through, shape, size = options.one
        require(shape in SHAPES, f"{shape} is no shape; give one of {', '.join(SHAPES)}")
        print(json.dumps(asdict(measure_one(through, shape, int(size)))))
        return 0
    sizes = TINY_SIZES if options.quick else SIZES
    bars = f"at most {MOST_RATIO:g} (graph: {MOST_GRAPH_S:g} s)"
    print(f"{sizes[0]} and {sizes[1]} tasks, and how many times as much the latter take; {bars}")
    print("through shape     CPU s    CPU s  times   wall s   wall s  times      MB      MB  times")
    pairs = []
    for pair in measure_pairs(sizes, options.through, options.shapes, 1 if options.quick else 3):
        pairs.append(pair)
        _print_pair(pair)
    refusals = measure_refusals(MAX_TASKS + 4, sizes[1]) if options.quick else measure_refusals()
    for refusal in refusals:
        verdict = "pass" if refusal.passed else "MISSED"
        print(f"{refusal.what}: refused in {refusal.cpu_s:.3f} s CPU, at most {refusal.most_s:g}: {verdict}")
        print(f"  {refusal.words[:300] or 'it was not refused'}")
    if options.json:
        options.json.write_text(json.dumps(as_json(pairs, refusals, sizes), indent=1) + "\n", encoding="utf-8")
    passed = all(pair.near_linear for pair in pairs) and all(refusal.passed for refusal in refusals)
    return 1 if options.check and not passed else 0


if __name__ == "__main__":
    sys.exit(main())
