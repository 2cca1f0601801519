"""199 tools by their descriptions: requests of ToolE on the router that ships, without any training on tools.

Run ``python -m benchmarks.router.tools [--model FILE] [--seeds 0 1 2] [--json]``; the data is found by
``POINTSMAN_DATA``. Each tool registers by its description alone, then by that and ten of its requests, drawn by the
seed; ten other requests of each, as far as it has them, are asked. The table also has a router that was trained on all
that is shown. Accuracy of the leader, and of the first five, in percent. The bundled base encoder has met the wording
of these requests, never their labels: docs/base-encoder.md.
"""

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.router.data import DATA
from benchmarks.router.few_examples import accuracy
from router import AgentProfile, EmbeddingRouter, Example, bundled_router, read_examples
from router.training_config import FEW_EXAMPLES

SHOTS: Final = 10


def draw(examples: list[Example], seed: int) -> tuple[dict[str, list[str]], list[Example]]:
    """Return ten requests of each tool, and ten others of each to ask."""
    shown: dict[str, list[str]] = defaultdict(list)
    asked: dict[str, list[Example]] = defaultdict(list)
    for at in np.random.default_rng(seed).permutation(len(examples)).tolist():
        example = examples[at]
        if len(shown[example.label]) < SHOTS:
            shown[example.label].append(example.text)
        elif len(asked[example.label]) < SHOTS:
            asked[example.label].append(example)
    return shown, [example for label in sorted(asked) for example in asked[label]]


def measure(router: EmbeddingRouter, asked: list[Example]) -> tuple[float, float]:
    """Return the accuracy of the leader and of the first five, in percent."""
    first = five = 0
    for example in asked:
        names = [candidate.name for candidate in router.predict(example.text).candidates()[:5]]
        first += names[0] == example.label
        five += example.label in names
    return 100 * first / len(asked), 100 * five / len(asked)


def figures(seed: int, models: Mapping[str, Path]) -> dict[str, float]:
    """Return the accuracy of both ways to register with the router that ships, and of a trained one, in percent."""
    del models
    return {**both_ways(bundled_router(), seed), "trained": trained(seed)}


def trained(seed: int) -> float:
    """Train on the descriptions and ten requests of each tool, with the recipe for few; return the accuracy."""
    shown, asked, descriptions = read(seed)
    examples = [Example(text, name) for name in sorted(shown) for text in (descriptions[name], *shown[name])]
    return accuracy(examples, asked, replace(FEW_EXAMPLES, seed=seed))


def read(seed: int) -> tuple[dict[str, list[str]], list[Example], dict[str, str]]:
    """Return what is shown of each tool, what is asked, and the descriptions."""
    shown, asked = draw(read_examples(DATA / "toole" / "train.jsonl"), seed)
    return shown, asked, json.loads((DATA / "toole" / "descriptions.json").read_text(encoding="utf-8"))


def both_ways(router: EmbeddingRouter, seed: int) -> dict[str, float]:
    """Register every tool by its description, ask; register it with ten requests as well, ask again."""
    shown, asked, descriptions = read(seed)
    found: dict[str, float] = {"tools": len(shown), "requests": len(asked)}
    for way, with_examples in (("description", False), ("with_examples", True)):
        for name in sorted(shown):
            router.add(AgentProfile(name, "1", descriptions[name], tuple(shown[name]) if with_examples else ()))
        found[way], found[f"{way}_top_5"] = measure(router, asked)
    return found


def main() -> int:
    """Measure both ways of registering with each seed and print their means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="another model than the bundled one; its labels stay out")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--json", action="store_true", help="one JSON object a seed")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"{DATA}: no data; set POINTSMAN_DATA", file=sys.stderr)
        return 2
    router = EmbeddingRouter.load(options.model, use_trained_labels=False) if options.model else bundled_router()
    rows = []
    for seed in options.seeds:
        rows.append(both_ways(router, seed))
        if options.json:
            print(json.dumps({"seed": seed, **rows[-1]}), flush=True)
    for way in () if options.json else ("description", "with_examples"):
        first, five = (statistics.fmean(row[name] for row in rows) for name in (way, f"{way}_top_5"))
        each = " ".join(f"{row[way]:.1f}" for row in rows)
        asked = f"{rows[-1]['tools']} tools, {rows[-1]['requests']} requests"
        print(f"{way}: top-1 {first:.1f} ({each}), top-5 {five:.1f}; {asked}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
