"""Train on BANKING77 and CLINC150 and hold error budgets against their dev sets: the share routed, and wrong of that.

Run ``python -m benchmarks.router.error_budget [--json]``; the data is found by ``POINTSMAN_DATA``.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.router.data import DATA
from router import Abstained, BudgetError, EmbeddingRouter, Example, Prediction, read_examples
from router.budget import probability_of_so_few
from router.manifest import Manifest
from router.model_file import ModelArrays, read_model
from router.trained_model import train
from router.training_config import TrainingConfig

BUDGETS: Final = (0.02, 0.05, 0.1)
ASKED_FOR: Final = 0.05  # the budget of the table
REFUTED: Final = 0.025  # a budget is outside the 95% interval of the share if so many errors are less likely than this
SEEDS: Final = (0, 1, 2)
NOBODY: Final = ""
SHIFTS: Final = 200


def main() -> int:
    """Measure every set, seed and budget, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    as_json = parser.parse_args().json
    if not DATA.is_dir():
        print(f"{DATA}: no data here; set POINTSMAN_DATA", file=sys.stderr)
        return 2
    for name, nobodys in (("banking77", False), ("clinc150", False), ("clinc150", True)):
        for seed in SEEDS:
            for row in measure(name, seed, with_out_of_scope=nobodys):
                print(json.dumps(row) if as_json else "  ".join(f"{k}={v}" for k, v in row.items()), flush=True)
    return 0


def measure(name: str, seed: int, *, with_out_of_scope: bool) -> Iterator[dict[str, Any]]:
    """Train once, then yield what each budget does on ``dev``, with the requests for nobody where asked for."""
    folder = DATA / name
    nobodys = _texts(folder / "oos_train.jsonl") if with_out_of_scope else []
    model = train(read_examples(folder / "train.jsonl"), TrainingConfig(seed=seed), out_of_scope=nobodys)
    dev = _dev(name, with_out_of_scope=with_out_of_scope)
    for budget in BUDGETS:
        about = {"set": name, "out_of_scope": with_out_of_scope, "seed": seed, "budget": budget}
        yield {**about, **_spend(model.manifest, model.arrays, dev, budget)}


def figures(seed: int, models: Mapping[str, Path]) -> dict[str, float]:
    """Return what a budget of 5% does, in percent, over all models; the seed is that of the models.

    ``broken``: on how many sets so many errors would come with a chance below 2.5% if the budget were the truth.
    ``wrong``: errors among what is routed, of the worst set. ``shifts_within``: draws of other frequencies that stay
    within the budget, of the worst set. A model's name that ends with ``oos`` has learnt requests for nobody.
    """
    del seed
    rows = []
    for name, file in models.items():
        manifest, arrays = read_model(file)
        row = _spend(manifest, arrays, _dev(name.split()[0], with_out_of_scope=name.endswith("oos")), ASKED_FOR)
        if "refused" in row:
            raise RuntimeError(f"{name}: {row['refused']}")
        rows.append(row)
    return {
        "broken": sum(row["chance_of_so_many_at_the_budget"] < REFUTED for row in rows),
        "wrong": 100 * max(row["wrong_of_routed"] for row in rows),
        "routed": 100 * min(row["routed"] for row in rows),
        "shifts_within": 100 * min(row["shifts_within_budget"] for row in rows),
    }


def is_refuted(wrong: int, routed: int, budget: float) -> bool:
    """Return whether the budget lies below the 95% interval of the share that went wrong (Clopper-Pearson)."""
    return bool(wrong) and 1 - probability_of_so_few(wrong - 1, routed, budget) < REFUTED


def _dev(name: str, *, with_out_of_scope: bool) -> list[Example]:
    dev = read_examples(DATA / name / "dev.jsonl")
    nobodys = _texts(DATA / name / "oos_dev.jsonl") if with_out_of_scope else []
    return dev + [Example(text, NOBODY) for text in nobodys]


def _spend(manifest: Manifest, arrays: ModelArrays, dev: list[Example], budget: float) -> dict[str, Any]:
    try:
        router = EmbeddingRouter(manifest, arrays, error_budget=budget)
    except BudgetError as error:
        return {"refused": str(error)}
    predictions = [router.predict(example.text) for example in dev]
    routed = [(p.choice, e.label) for p, e in zip(predictions, dev, strict=True) if not p.abstained]
    wrong = sum(choice != label for choice, label in routed)
    return {
        "held_out": manifest.held_out,
        "threshold": round(predictions[0].threshold, 3),
        "routed": round(len(routed) / len(dev), 4),
        "wrong_of_routed": round(wrong / max(len(routed), 1), 4),
        # Below 0.025 the budget lies outside the 95% interval of the share, on the wrong side.
        "chance_of_so_many_at_the_budget": round(1 - probability_of_so_few(wrong - 1, len(routed), budget), 3)
        if wrong
        else 1.0,
        **under_shift(
            [not p.abstained for p in predictions],
            [p.leader != e.label for p, e in zip(predictions, dev, strict=True)],
            [example.label for example in dev],
            budget,
        ),
        **_near_ties(predictions, [example.label for example in dev]),
    }


def under_shift(routed: list[bool], wrong: list[bool], labels: list[str], budget: float) -> dict[str, float]:
    """Make a tenth of the agents ten times as frequent, at random and many times over, and say what goes wrong then.

    Requests for nobody stay as frequent as they are: they are no agent's.

    Args:
        routed: Whether each request is routed.
        wrong: Whether it goes wrong if it is.
        labels: Who should serve each.
        budget: Share of errors that was asked for.
    """
    names, place = np.unique(labels, return_inverse=True)
    agents = np.flatnonzero(names != NOBODY)
    sent = np.array(routed, dtype=np.float64)
    missed = sent * np.array(wrong)
    generator = np.random.default_rng(0)
    shares = []
    for _ in range(SHIFTS):
        frequent = np.zeros(len(names), dtype=np.bool_)
        frequent[agents] = generator.permutation(len(agents)) < max(len(agents) // 10, 1)
        weight = np.where(frequent, 10.0, 1.0)[place]
        shares.append(float(weight @ missed / max(weight @ sent, 1e-9)))
    return {
        "wrong_under_shift": round(float(np.median(shares)), 4),
        "wrong_in_the_worst_twentieth_of_shifts": round(float(np.quantile(shares, 0.95)), 4),
        "shifts_within_budget": round(float((np.array(shares) <= budget).mean()), 3),
    }


def _near_ties(predictions: list[Prediction], labels: list[str]) -> dict[str, Any]:
    """Return how many abstentions are near ties, and in how many of these and of the others one of the two is right."""
    refused = [(p, label) for p, label in zip(predictions, labels, strict=True) if p.abstained]
    ties = [(p, label) for p, label in refused if p.choice is Abstained.NEAR_TIE]
    return {
        "abstained": len(refused),
        "near_ties": len(ties),
        "one_of_the_two_is_right": sum(label in (p.leader, p.runner_up) for p, label in ties),
        "of_other_abstentions": sum(
            label in (p.leader, p.runner_up) for p, label in refused if p.choice is not Abstained.NEAR_TIE
        ),
        "refused_for_nobody": sum(label == NOBODY for _, label in refused),
        "near_ties_for_nobody": sum(label == NOBODY for _, label in ties),
    }


def _texts(path: Path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    sys.exit(main())
