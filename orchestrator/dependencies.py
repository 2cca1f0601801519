"""Dependencies: which task comes before which, as a networkx graph that takes a task in one step."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import networkx as nx


class Dependencies(nx.DiGraph):  # type: ignore[misc]  # networkx has no types
    """A DiGraph from each task to those that wait for it; every algorithm of networkx runs on it.

    `add_edges_from` looks for either end of every edge and merges attributes that no dependency has. A task is new and
    what it waits for is known, so its rows can be written at once, in the layout that networkx documents for
    subclasses: successors, predecessors, nodes. A test holds the result against a graph built by `add_edge`.
    """

    #: Attributes of every task and dependency: none. One dictionary for all; of 100,000 tasks, as many are not made.
    _nothing: Final[dict[str, object]] = {}

    def add_task(self, name: str, after: Iterable[str]) -> Collection[str]:
        """Add a new task behind those that it waits for, which are here; return these, each once."""
        successors = self._succ
        nothing = self._nothing
        successors[name], self._node[name] = {}, nothing
        before: dict[str, dict[str, object]] = {}
        self._pred[name] = before
        for other in after:
            before[other] = successors[other][name] = nothing
        return before

    def descendants(self, name: str) -> set[str]:
        """Return all that wait for a task, directly or not."""
        found: set[str] = nx.descendants(self, name)
        return found
