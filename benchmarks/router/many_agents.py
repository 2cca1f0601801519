"""Thousands of agents: the time of one decision, of registering one more, and of registering all.

Run ``python -m benchmarks.router.many_agents [--agents 1000 10000] [--crossover 100 200 400 800] [--json]``. Every
agent has ten examples of made-up words and registers with the model that ships. Milliseconds, one thread; a decision is
the median of 200 requests of which no word is new; the record holds all candidates. A word is new once to each state of
the known agents: "one new word" is what it adds. ``--crossover`` times instead the two ways to score: one product of
all rows with the text's vector, and the sum of ten words' columns.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from router import AgentProfile, EmbeddingRouter, bundled_router
from router.word_scores import WordScores

WORDS: Final = 5000
EXAMPLES: Final = 10
LENGTH: Final = 8
WIDTH: Final = 600


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


def measure(made: list[AgentProfile]) -> dict[str, float]:
    """Register all but the last, decide, register the last, and return how long each took."""
    *known, one_more = made
    router = bundled_router()
    before = time.perf_counter()
    router.add_all(known)
    router.predict("warm")
    every = time.perf_counter() - before
    text = known[0].examples[0]
    router.predict_many(texts := [profile.examples[0] for profile in known[:200]])
    turns = iter(texts)
    decision = milliseconds(lambda: router.predict(next(turns)), len(texts))
    fresh = iter(range(100))
    new_word = milliseconds(lambda: router.predict(f"{text} fresh{next(fresh)}"), 9) - decision
    prediction = router.predict(text)
    record = milliseconds(prediction.to_json, 9)
    written = milliseconds(lambda: json.dumps(prediction.to_json()), 9)
    ranked = milliseconds(prediction.candidates, 9)
    added = milliseconds(lambda: router.add(one_more), 5)

    def add_and_ask() -> None:
        router.add(one_more)
        router.predict(text)

    routable = milliseconds(add_and_ask, 3)
    saved, loaded = outlive(router)
    return {
        "agents": len(known),
        "all_registered_s": every,
        "one_more_ms": added,
        "routable_ms": routable,
        "decision_ms": decision,
        "new_word_ms": new_word,
        "record_ms": record,
        "json_ms": written,
        "ranked_ms": ranked,
        "saved_s": saved,
        "loaded_s": loaded,
    }


def outlive(router: EmbeddingRouter) -> tuple[float, float]:
    """Return how many seconds it takes to save all agents, and to load them and decide."""
    other = bundled_router()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "roster.npz"
        before = time.perf_counter()
        router.save_roster(path)
        between = time.perf_counter()
        other.load_roster(path)
        other.predict("warm")
        return between - before, time.perf_counter() - between


def figures(seed: int, models: Mapping[str, Path]) -> dict[str, float]:
    """Return how long everything takes with 10,000 agents; their words have a seed of their own."""
    del seed, models
    return measure(profiles(10_001))


def _line(found: Mapping[str, float]) -> str:
    return (
        f"{found['agents']} agents: all registered in {found['all_registered_s']:.1f} s; one more"
        f" {found['one_more_ms']:.2f} ms, {found['routable_ms']:.0f} ms until the next decision; decision"
        f" {found['decision_ms']:.2f} ms, one new word {found['new_word_ms']:.1f} ms; its record"
        f" {found['record_ms']:.2f} ms, as JSON {found['json_ms']:.1f} ms, ranked {found['ranked_ms']:.1f} ms;"
        f" saved in {found['saved_s']:.2f} s, loaded and ready in {found['loaded_s']:.2f} s"
    )


def compare(agents: int) -> str:
    """Time the two ways to score so many agents, with rows and words of chance, as wide as in the model that ships."""
    generator = np.random.default_rng(0)
    words = generator.standard_normal((10, WIDTH)).astype(np.float32)
    rows = generator.standard_normal((agents, WIDTH)).astype(np.float32)
    tokens = [f"word{at}" for at in range(len(words))]
    columns = WordScores(rows, [slice(0, WIDTH)], lambda some: words[[tokens.index(one) for one in some]])
    text = words.sum(axis=0)
    product = milliseconds(lambda: rows.dot(text), 300)
    by_word = milliseconds(lambda: columns.score(tokens, [1.0] * len(tokens), [1.0]), 300)
    return f"{agents} agents: product {product:.4f} ms, ten words {by_word:.4f} ms, ratio {product / by_word:.1f}"


def main() -> int:
    """Measure each number of agents and print a row for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--crossover", type=int, nargs="+", default=[])
    parser.add_argument("--json", action="store_true", help="one JSON object a number of agents")
    options = parser.parse_args()
    for agents in options.crossover:
        print(compare(agents), flush=True)
    for agents in [] if options.crossover else options.agents:
        found = measure(profiles(agents + 1))
        print(json.dumps(found) if options.json else _line(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
