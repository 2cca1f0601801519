"""One job of ours in a process of its own: `{"job", "seed", "models"}` on standard input, one line of figures out."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from benchmarks.peers.harness import MARK
from benchmarks.router.places import JOBS


def main() -> int:
    """Do the one job that standard input asks for, and print its figures."""
    task = json.load(sys.stdin)
    module = importlib.import_module(JOBS[task["job"]].module)
    models = {name: Path(path) for name, path in task["models"].items()}
    print(MARK + json.dumps(module.figures(task["seed"], models)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
