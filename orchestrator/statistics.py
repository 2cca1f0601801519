"""Statistics: a snapshot of the counts of a whole run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.bus import BusStatistics
from orchestrator.graph import GraphStatistics
from orchestrator.journal import JournalStatistics
from orchestrator.stuck import Stuck


@dataclass(frozen=True, slots=True)
class Statistics:
    """A snapshot of a run: what its parts counted, by agent how many tasks it has yet to end, and when it was stuck."""

    bus: BusStatistics
    graph: GraphStatistics
    journal: JournalStatistics
    agents: Mapping[str, int]
    stuck: Stuck | None = None
