"""Statistics: a snapshot of the counts of a whole run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.bus import BusStatistics
from orchestrator.graph import GraphStatistics
from orchestrator.journal import JournalStatistics
from orchestrator.ledger import Balance
from orchestrator.stuck import Stuck


@dataclass(frozen=True, slots=True)
class Statistics:
    """A snapshot of a run.

    Attributes:
        bus, graph, journal: what these counted.
        agents: by agent, how many tasks it has yet to end.
        budgets: what was used of every budget, that of the run first; nothing where there is none.
        stuck: when and why it last made no progress.
    """

    bus: BusStatistics
    graph: GraphStatistics
    journal: JournalStatistics
    agents: Mapping[str, int]
    budgets: tuple[Balance, ...] = ()
    stuck: Stuck | None = None
