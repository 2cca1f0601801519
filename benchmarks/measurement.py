"""Measurement: repetitions of every row, interleaved so that a noisy moment hits all contestants alike."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.bare import BARE
from benchmarks.floor import FLOOR
from benchmarks.full_path import full_graph
from benchmarks.pointsman import POINTSMAN
from benchmarks.work import ROWS, TINY, UNITS, Cost, Sizes, take_cost, take_graph

CONTESTANTS: Final = (BARE, FLOOR, POINTSMAN)
FLAT_SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
TINY_FLAT_SIZES: Final = (50, 100)


@dataclass(slots=True)
class Row:
    """Samples of one row: microseconds of CPU per unit by contestant, one for each repetition.

    Attributes:
        wall_us: of the same samples, in wall time.
    """

    name: str
    units: int
    cpu_us: dict[str, list[float]] = field(default_factory=dict)
    wall_us: dict[str, list[float]] = field(default_factory=dict)

    def take(self, contestant: str, cost: Cost) -> None:
        """Add a sample."""
        self.cpu_us.setdefault(contestant, []).append(1e6 * cost.cpu_s / self.units)
        self.wall_us.setdefault(contestant, []).append(1e6 * cost.wall_s / self.units)

    def ratio(self, contestant: str, to: str = BARE.name) -> float:
        """Return the median over repetitions of the ratio within each repetition."""
        pairs = zip(self.cpu_us[contestant], self.cpu_us[to], strict=True)
        return statistics.median(cost / base for cost, base in pairs)

    def to_json(self) -> dict[str, Any]:
        """Return medians, ratios and samples."""
        return {
            "name": self.name,
            "unit": UNITS[self.name],
            "units": self.units,
            "cpu_us": {who: round(statistics.median(us), 3) for who, us in self.cpu_us.items()},
            "wall_us": {who: round(statistics.median(us), 3) for who, us in self.wall_us.items()},
            "ratio": {who: round(self.ratio(who), 3) for who in self.cpu_us},
            "samples_cpu_us": {who: [round(sample, 3) for sample in us] for who, us in self.cpu_us.items()},
        }


def measure_rows(sizes: Sizes, repetitions: int) -> list[Row]:
    """Take every row; the one called `full` has bare asyncio's and the floor's graph beside the full path."""
    full = full_graph()
    for contestant in CONTESTANTS:
        for name in ROWS:
            take_cost(contestant, name, TINY)
    take_graph(full, TINY)
    rows = {name: Row(name, sizes.count(name)) for name in (*ROWS, "full")}
    for name in ROWS:
        for _ in range(repetitions):
            for contestant in CONTESTANTS:
                cost = take_cost(contestant, name, sizes)
                rows[name].take(contestant.name, cost)
                if name == "graph" and contestant is not POINTSMAN:
                    rows["full"].take(contestant.name, cost)
            if name == "graph":
                rows["full"].take(POINTSMAN.name, take_graph(full, sizes))
    return list(rows.values())


def measure_flatness(sizes: Sequence[int], repetitions: int) -> dict[int, Row]:
    """Return rows of publish by number of events, bare asyncio beside it; small numbers are repeated."""
    rows = {size: Row("publish", size) for size in sizes}
    for _ in range(repetitions):
        for size in sizes:
            times = max(1, min(20, sizes[-1] // size))
            for contestant in (BARE, POINTSMAN):
                costs = [take_cost(contestant, "publish", Sizes(publish=size)) for _ in range(times)]
                cpu, wall = (sum(part) / times for part in zip(*((c.cpu_s, c.wall_s) for c in costs), strict=True))
                rows[size].take(contestant.name, Cost(cpu, wall))
    return rows


def steepness(rows: Mapping[int, Row]) -> float:
    """Return the dearest event by the cheapest over all numbers of events, each in bare asyncio's at that number.

    A million events take seconds, in which a shared machine changes its pace; the ratio takes that out.
    """
    ratios = [row.ratio(POINTSMAN.name) for row in rows.values()]
    return max(ratios) / min(ratios)
