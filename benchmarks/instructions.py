"""Count the instructions of the full path: `python -m benchmarks.instructions [--before CHECKOUT] [--check]`.

Time on a shared machine changes by half within minutes; the number of instructions of the same work does not. They are
counted by Valgrind's cachegrind, of all threads, kernel left out, as the difference between a process that runs the
graph of `benchmarks.kernel` several times and one that runs it once: start, imports and loading cancel out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.bare import BARE
from benchmarks.full_path import full_graph
from benchmarks.peers.environments import PEERS, prepare
from benchmarks.work import TINY, Graph, Sizes, layered_graph

_SELF: Final = "benchmarks.instructions"
#: The full path may take so many times what it took before.
BAR: Final = 1.01
_AUTOGEN: Final = (
    "import asyncio, sys; from benchmarks.peers.autogen_core import graph; from benchmarks.work import layered_graph;"
    "nodes = layered_graph(int(sys.argv[2]), int(sys.argv[3]));"
    "[asyncio.run(graph(nodes)) for _ in range(int(sys.argv[1]))]"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, print; return 1 if more than before and `--check` was given, 2 where nothing can be counted."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {_SELF}", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="also count the full path of another checkout")
    parser.add_argument("--autogen", action="store_true", help="also count the bare path of autogen-core")
    parser.add_argument("--graphs", type=int, default=4, help="graphs of the longer process (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a tiny graph: shows that it runs, measures nothing")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--check", action="store_true", help=f"exit code 1 beyond {BAR} times what it was before")
    parser.add_argument("--run", nargs=2, metavar=("WHAT", "GRAPHS"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    sizes = TINY if options.quick else Sizes()
    if options.run:
        return _run({"full": full_graph, "bare": lambda: BARE.graph}[options.run[0]](), int(options.run[1]), sizes)
    if shutil.which("valgrind") is None:
        print("valgrind is not installed: instructions cannot be counted here", file=sys.stderr)
        return 2
    figures = _count_all(options.before, options.graphs, sizes, autogen=options.autogen, quick=options.quick)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    _print(figures)
    return 1 if options.check and figures.get("full", 0) > BAR * figures.get("before", float("inf")) else 0


def _count_all(before: Path | None, graphs: int, sizes: Sizes, *, autogen: bool, quick: bool) -> dict[str, float]:
    """Return the instructions of a task, by who does it."""
    code = [sys.executable, "-m", _SELF, *(["--quick"] if quick else []), "--run"]
    here = Path(__file__).parents[1]
    figures = {name: _count([*code, name], graphs, sizes, here) for name in ("bare", "full")}
    if before is not None:
        # The other checkout's own full path, called as this one is: it may be older than this module. -P: this
        # module's folder has a `router` of its own, which would hide the real one.
        script = [sys.executable, "-P", __file__, *(["--quick"] if quick else []), "--run", "full"]
        figures["before"] = _count(script, graphs, sizes, before.resolve())
    if autogen:
        python = prepare(next(peer for peer in PEERS if peer.distribution == "autogen-core"))
        figures["autogen"] = _count([str(python), "-c", _AUTOGEN], graphs, sizes, here, sizes.layers, sizes.width)
    return figures


def _count(command: list[str], graphs: int, sizes: Sizes, tree: Path, *more: int) -> float:
    """Return the instructions of a task: those of the further graphs, by their tasks."""
    few, many = (_instructions([*command, str(times), *map(str, more)], tree) for times in (1, graphs))
    return (many - few) / ((graphs - 1) * sizes.count("graph"))


def _instructions(command: list[str], tree: Path) -> int:
    """Return how many instructions a process took.

    Raises:
        RuntimeError: if it failed; with what it said.
    """
    found = {"PYTHONPATH": str(tree), "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    counted = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", *command]
    done = subprocess.run(counted, capture_output=True, text=True, cwd=tree, env={**os.environ, **found}, check=False)
    refs = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if done.returncode or refs is None:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return int(refs.group(1).replace(",", ""))


def _run(graph: Graph, times: int, sizes: Sizes) -> int:
    nodes = layered_graph(sizes.layers, sizes.width)
    for _ in range(times):
        asyncio.run(graph(nodes))
    return 0


def _print(figures: Mapping[str, float]) -> None:
    said = {
        "bare": "bare asyncio",
        "full": "the full path",
        "before": "the full path before",
        "autogen": "autogen-core, bare path",
    }
    for name, count in figures.items():
        times = "" if name == "full" else f"; the full path takes {figures['full'] / count:.3f} times as many"
        print(f"{said[name]:<24} {count:>12,.0f} instructions a task{times}")


if __name__ == "__main__":
    sys.exit(main())
