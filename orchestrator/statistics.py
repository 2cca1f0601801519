"""Statistics: a snapshot of the counts of a whole run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.bus import BusStatistics
from orchestrator.graph import GraphStatistics
from orchestrator.journal import JournalStatistics


@dataclass(frozen=True, slots=True)
class Statistics:
    """A snapshot of a run: what its parts counted, and by agent how many tasks it has yet to end."""

    bus: BusStatistics
    graph: GraphStatistics
    journal: JournalStatistics
    agents: Mapping[str, int]
