"""Thousands of agents: the time of one decision, of registering one more, and of registering all.

Run ``python -m benchmarks.router.many_agents [--agents 1000 10000]``. Every agent has ten examples of made-up words and
registers with the model that ships. Milliseconds, one thread; a decision is the median of warm ones, in which no word
is new; the record holds all candidates.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from router import AgentProfile, bundled_router

WORDS: Final = 5000
EXAMPLES: Final = 10
LENGTH: Final = 8


def profiles(agents: int) -> list[AgentProfile]:
    """Return agents whose requests are drawn from words of their own and from words of all."""
    generator = np.random.default_rng(0)
    made = []
    for at in range(agents):
        own = generator.integers(0, WORDS, 12)
        lines = generator.choice(own, (EXAMPLES, LENGTH))
        made.append(
            AgentProfile(f"agent-{at:05}", "1", "", tuple(" ".join(f"word{w}" for w in line) for line in lines))
        )
    return made


def milliseconds(work: Callable[[], object], times: int) -> float:
    """Return the median time of some work."""
    found = []
    for _ in range(times):
        before = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - before))
    return statistics.median(found)


def measure(made: list[AgentProfile]) -> str:
    """Register all but the last, decide, register the last, and say how long each took."""
    *known, one_more = made
    router = bundled_router()
    before = time.perf_counter()
    for profile in known:
        router.add(profile)
    router.predict("warm")
    every = time.perf_counter() - before
    text = known[0].examples[0]
    decision = milliseconds(lambda: router.predict(text), 50)
    record = milliseconds(router.predict(text).to_json, 5)
    added = milliseconds(lambda: router.add(one_more), 5)

    def add_and_ask() -> None:
        router.add(one_more)
        router.predict(text)

    routable = milliseconds(add_and_ask, 3)
    registered = f"all registered in {every:.1f} s; one more {added:.1f} ms, {routable:.0f} ms until the next decision"
    return f"{len(known)} agents: {registered}; decision {decision:.2f} ms, its record {record:.0f} ms"


def main() -> int:
    """Measure each number of agents and print a row for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, nargs="+", default=[1000, 10_000])
    options = parser.parse_args()
    for agents in options.agents:
        print(measure(profiles(agents + 1)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
