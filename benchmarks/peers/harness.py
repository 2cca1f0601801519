"""One peer in one process: each row beside bare asyncio, printed as one line of JSON. Standard library only."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from benchmarks.bare import BARE
from benchmarks.work import ROWS, TINY, Contestant, Cost, Graph, RowName, Sizes, take_cost, take_graph

#: Before the JSON, so that whatever a framework prints does no harm.
MARK: Final = "#result "


@dataclass(frozen=True, slots=True)
class Sample:
    """One repetition of one row: microseconds of CPU per unit, and of bare asyncio in the same process just then."""

    us: float
    wall_us: float
    asyncio_us: float
    n: int


def main(contestant: Contestant, distribution: str, sizes: Sizes, extra: Mapping[str, Graph] | None = None) -> None:
    """Warm up, take one sample of every row, print them.

    Args:
        contestant: who does the work.
        distribution: whose version is printed.
        sizes: of the contestant's work; bare asyncio always does the full size.
        extra: further ways to run the graph, by name of row.
    """
    quick = "--quick" in sys.argv
    take_samples(contestant, TINY, TINY, extra or {})
    samples = take_samples(contestant, TINY if quick else sizes, TINY if quick else Sizes(), extra or {})
    result = {
        "name": contestant.name,
        "version": importlib.metadata.version(distribution),
        "python": platform.python_version(),
        "rows": {row: asdict(sample) for row, sample in samples.items()},
    }
    print(MARK + json.dumps(result), flush=True)


def take_samples(
    contestant: Contestant, sizes: Sizes, bare_sizes: Sizes, extra: Mapping[str, Graph]
) -> dict[str, Sample]:
    """Return one sample of every row."""
    samples: dict[str, Sample] = {
        row: _beside_bare(row, take_cost(contestant, row, sizes), sizes, bare_sizes) for row in ROWS
    }
    for name, graph in extra.items():
        samples[name] = _beside_bare("graph", take_graph(graph, sizes), sizes, bare_sizes)
    return samples


def _beside_bare(row: RowName, cost: Cost, sizes: Sizes, bare_sizes: Sizes) -> Sample:
    units = sizes.count(row)
    bare = sorted(take_cost(BARE, row, bare_sizes).cpu_s for _ in range(3))[1]
    return Sample(1e6 * cost.cpu_s / units, 1e6 * cost.wall_s / units, 1e6 * bare / bare_sizes.count(row), units)
