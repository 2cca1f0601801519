"""A contestant that serves in turns: a pass over its requests for each line it is given. Standard library only."""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path


def main() -> int:
    """Load what the first line names; then print the microseconds of each request, a line a pass."""
    task = json.loads(sys.stdin.readline())
    contestant = getattr(importlib.import_module(task["module"]), task["name"])()
    contestant.load(Path(task["folder"]))
    clock, judge, requests = time.perf_counter_ns, contestant.judge, [[text] for text in task["texts"]]
    for _ in sys.stdin:
        taken = []
        for request in requests:
            begun = clock()
            judge(request)
            taken.append((clock() - begun) / 1e3)
        print(json.dumps(taken), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
