"""New agents at once: 57 labels of BANKING77 are trained, 20 are added by ten examples each without a gradient step.

Run ``python -m benchmarks.router.new_agents [--seeds 0 1 2] [--recipes full few] [--json]``; the data is found by
``POINTSMAN_DATA``. The seed deals the labels and trains. No request of a new agent is used but its ten of
``train_10.jsonl``, nothing is chosen on ``dev.jsonl``, and accuracy on that is in percent: of the new agents' requests,
of the old agents', of all. Stolen: of the old agents' requests, the percentage that a new agent leads.
"""

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks.router.data import DATA
from benchmarks.router.error_budget import ASKED_FOR, is_refuted
from router import AgentProfile, EmbeddingRouter, Example, read_examples
from router.trained_model import train
from router.training_config import FEW_EXAMPLES, TrainingConfig

OLD: Final = 57
RECIPES: Final = {"full": ("train.jsonl", TrainingConfig()), "few": ("train_10.jsonl", FEW_EXAMPLES)}


class Outcome(NamedTuple):
    """Accuracy on new, old and all requests, stolen and the old agents' accuracy before, in percent.

    Attributes:
        budget_wrong: Of all requests that a budget of 5% routes after the new agents were added, those that go wrong.
        budget_broken: 1 if that refutes the budget, else 0.
    """

    new: float
    old: float
    all: float
    stolen: float
    before: float
    budget_wrong: float
    budget_broken: float


def deal(labels: list[str], seed: int) -> set[str]:
    """Return the labels that are trained."""
    order = np.random.default_rng(seed).permutation(len(labels)).tolist()
    return {labels[at] for at in order[:OLD]}


def measure(recipe: str, seed: int) -> Outcome:
    """Train, add, and ask every request of the dev set."""
    file, config = RECIPES[recipe]
    folder = DATA / "banking77"
    ten, dev = read_examples(folder / "train_10.jsonl"), read_examples(folder / "dev.jsonl")
    old = deal(sorted({example.label for example in ten}), seed)
    model = train([e for e in read_examples(folder / file) if e.label in old], replace(config, seed=seed))
    router = EmbeddingRouter(model.manifest, model.arrays, error_budget=ASKED_FOR)
    theirs = [e for e in dev if e.label in old]
    before = leaders(router, theirs)
    shown: dict[str, list[str]] = defaultdict(list)
    for example in ten:
        if example.label not in old:
            shown[example.label].append(example.text)
    for label, texts in shown.items():
        router.add(AgentProfile(label, "1", "", tuple(texts)))
    now, found = leaders(router, theirs), [e for e in dev if e.label not in old]
    taken = sum(leader not in old for leader in now)
    right = [right_of(before, theirs), right_of(now, theirs), right_of(leaders(router, found), found)]
    print(f"  weights {model.manifest.stranger_weights}, bias {model.manifest.stranger_bias:.3f}", file=sys.stderr)
    return Outcome(
        100 * right[2] / len(found),
        100 * right[1] / len(theirs),
        100 * (right[1] + right[2]) / len(dev),
        100 * taken / len(theirs),
        100 * right[0] / len(theirs),
        *_budget(router, dev),
    )


def figures(seed: int, models: Mapping[str, Path]) -> dict[str, float]:
    """Return the outcome of the recipe for many examples; no model is shared, as none other has 57 labels."""
    del models
    return dict(measure("full", seed)._asdict())


def _budget(router: EmbeddingRouter, dev: list[Example]) -> tuple[float, float]:
    """Return what goes wrong of what is routed, in percent, and 1 if that refutes the budget."""
    routed = [(p.choice, e.label) for e in dev if not (p := router.predict(e.text)).abstained]
    wrong = sum(choice != label for choice, label in routed)
    return 100 * wrong / max(len(routed), 1), float(is_refuted(wrong, len(routed), ASKED_FOR))


def leaders(router: EmbeddingRouter, asked: list[Example]) -> list[str]:
    """Return who leads each request."""
    return [router.predict(example.text).leader for example in asked]


def right_of(led: list[str], asked: list[Example]) -> int:
    """Return how many requests their own agent leads."""
    return sum(leader == example.label for leader, example in zip(led, asked, strict=True))


def main() -> int:
    """Measure each recipe with each seed and print a row for each, then the mean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--recipes", nargs="+", choices=sorted(RECIPES), default=list(RECIPES))
    parser.add_argument("--json", action="store_true", help="one JSON object a recipe and seed")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"{DATA}: no data; set POINTSMAN_DATA", file=sys.stderr)
        return 2
    for recipe in options.recipes:
        rows = []
        for seed in options.seeds:
            started = time.process_time()
            rows.append(measure(recipe, seed))
            if options.json:
                print(json.dumps({"recipe": recipe, "seed": seed, **rows[-1]._asdict()}), flush=True)
                continue
            print(f"{recipe}, seed {seed}: {_line(rows[-1])}; {time.process_time() - started:.0f} CPU-s", flush=True)
        if not options.json:
            print(f"{recipe}, mean: {_line(Outcome(*map(statistics.fmean, zip(*rows, strict=True))))}", flush=True)
    return 0


def _line(row: Outcome) -> str:
    shares = f"new/old/all {row.new:.1f}/{row.old:.1f}/{row.all:.1f}"
    budget = f"budget of 5%: {row.budget_wrong:.1f} wrong of routed"
    return f"{shares}, stolen {row.stolen:.1f}, old before {row.before:.1f}; {budget}"


if __name__ == "__main__":
    sys.exit(main())
