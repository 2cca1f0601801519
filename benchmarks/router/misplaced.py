"""How well the card audit finds misplaced examples: `python -m benchmarks.router.misplaced [--json]`.

A share of the labels of `train_10.jsonl` is changed at random; found is what `router.card_audit` calls contradicted.
BANKING77's own labels are not clean, so that some of what counts as a false alarm here is none.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.router.data import DATA
from orchestrator.clock import seeded_random
from router import AgentProfile, read_examples
from router.card_audit import audit_cards
from router.dataset import Example

SETS: Final = ("banking77", "clinc150")
SHARES: Final = (0.05, 0.1)


def measure(examples: Sequence[Example], share: float, seed: int) -> dict[str, Any]:
    """Change a share of the labels, audit, and return recall and precision of what is called contradicted.

    Also how many examples go to their own label when held out: the accuracy that the audit judges by.
    """
    labels = sorted({example.label for example in examples})
    rng = seeded_random(seed, "misplaced", str(share))
    moved = set(rng.sample(range(len(examples)), round(share * len(examples))))
    cards: dict[str, list[str]] = {label: [] for label in labels}
    wrong = set()
    for at, example in enumerate(examples):
        label = rng.choice([one for one in labels if one != example.label]) if at in moved else example.label
        cards[label].append(example.text)
        if at in moved:
            wrong.add((label, example.text))
    audit = audit_cards([AgentProfile(label, "1", "", tuple(texts)) for label, texts in cards.items()])
    found = {(one.agent, one.example) for one in audit.judged if one.contradicted}
    clean = [one for one in audit.judged if (one.agent, one.example) not in wrong]
    return {
        "changed": len(wrong),
        "found": len(found),
        "recall": round(len(found & wrong) / len(wrong), 3),
        "precision": round(len(found & wrong) / max(len(found), 1), 3),
        "held_out_accuracy": round(sum(not one.taken for one in clean) / len(clean), 3),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each set at each share and print a line for it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.router.misplaced", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if not DATA.is_dir():
        print(f"{DATA}: no data here; set POINTSMAN_DATA", file=sys.stderr)
        return 2
    for name in SETS:
        examples = read_examples(DATA / name / "train_10.jsonl")
        for share in SHARES:
            row = {"set": name, "share": share, "seed": options.seed, **measure(examples, share, options.seed)}
            print(json.dumps(row) if options.json else "  ".join(f"{key}={value}" for key, value in row.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
