"""Whole runs cancelled at random moments, and what they leave behind.

    python -m benchmarks.cancellations --cancellations 10000

Each run has agents that wait in every way there is: on timers, threads, effects, questions, retries, HTTP requests,
some in processes of their own; its journal is in memory or in SQLite. Runs are cancelled as a whole (every fourth
twice), left by an exception, or they end; meanwhile callers stop waiting and agents are retired. Whenever all is quiet,
what is still there is counted. Then ten runs and ten requests that nobody cancels must succeed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.cancellations.campaign import Extent, campaign


def main() -> int:
    """Print what was cancelled and what was left; the exit code is 1 if anything was, or anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cancellations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = campaign(Path(folder), Extent(options.cancellations), options.seed)
    took = time.perf_counter() - began
    about = ", ".join(f"{count:,} {what}" for what, count in sorted(found.cancelled.items()))
    print(f"{sum(found.cancelled.values()):,} cancellations ({about}) in {found.runs:,} runs, {took:.0f} s")
    print("left:", ", ".join(f"{count} {what}" for what, count in found.left._asdict().items()))
    print(
        f"never retrieved: {len(found.unheard)}; afterwards {found.good} of 10 runs and {found.answered} of 10 requests"
    )
    for problem in found.problems()[:20]:
        print("WRONG:", problem)
    return 1 if found.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
