"""Pointsman as one of the contestants: bus and graph alone, and the graph with everything on."""

from __future__ import annotations

from benchmarks.full_path import full_graph
from benchmarks.peers.harness import main
from benchmarks.pointsman import POINTSMAN
from benchmarks.work import Sizes

if __name__ == "__main__":
    main(POINTSMAN, "pointsman", Sizes(), {"everything_on": full_graph()})
