"""Out-of-scope requests of CLINC150: what each score refuses, and how honest the confidence of the others is.

Run ``python -m benchmarks.router.out_of_scope [--seeds 0 1 2] [--left-out] [--json]``; the data is found by
``POINTSMAN_DATA``. Trains with and without ``oos_train``; judged on ``dev`` and ``oos_dev``, which has 100 requests: a
point each. ``--left-out`` resolves better: a fifth of the labels, drawn at random, is left out of training, and their
600 requests of ``dev`` are out of scope; they are also harder, having been written to be somebody's.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.router.data import DATA
from router import EmbeddingRouter, Example, Prediction, read_examples
from router.calibration import expected_error
from router.dataset import read_texts
from router.trained_model import train
from router.training_config import TrainingConfig

OUT_OF_SCOPE: Final = ""
LEFT_OUT: Final = 30
INVERSE_TEMPERATURES: Final = (8.0, 12.0, 20.0)


def main() -> int:
    """Train with and without out-of-scope requests for every seed, and print a row for each score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--left-out", action="store_true", help="judge by labels left out of training")
    parser.add_argument("--json", action="store_true", help="one JSON object a seed and way of training")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"{DATA}: no data; set POINTSMAN_DATA", file=sys.stderr)
        return 2
    for seed in options.seeds:
        for learnt in (False, True):
            predictions, labels = decide(seed, learnt=learnt, left_out=options.left_out)
            if options.json:
                print(json.dumps({"seed": seed, "learnt": learnt, **summarise(predictions, labels)}), flush=True)
                continue
            print(f"seed {seed}, {'with' if learnt else 'without'} oos_train", flush=True)
            for row in describe(predictions, labels):
                print(f"  {row}", flush=True)
    return 0


def decide(seed: int, *, learnt: bool, left_out: bool) -> tuple[list[Prediction], list[str]]:
    """Train once and return the decisions on ``dev`` and on what is out of scope, with their labels."""
    folder = DATA / "clinc150"
    examples, dev = read_examples(folder / "train.jsonl"), read_examples(folder / "dev.jsonl")
    if left_out:
        names = sorted({example.label for example in examples})
        gone = set(np.random.default_rng(seed).permutation(names)[:LEFT_OUT].tolist())
        examples = [example for example in examples if example.label not in gone]
        dev = [Example(e.text, OUT_OF_SCOPE) if e.label in gone else e for e in dev]
    else:
        dev = dev + [Example(text, OUT_OF_SCOPE) for text in read_texts(folder / "oos_dev.jsonl")]
    nobodys = read_texts(folder / "oos_train.jsonl") if learnt else ()
    model = train(examples, TrainingConfig(seed=seed), out_of_scope=nobodys)
    router = EmbeddingRouter(model.manifest, model.arrays)
    return [router.predict(example.text) for example in dev], [example.label for example in dev]


def summarise(predictions: list[Prediction], labels: list[str]) -> dict[str, float]:
    """Return what confidence does: accuracy in scope, ECE, AUROC, right and kept at 95% refused; shares in percent."""
    inside = np.array([label != OUT_OF_SCOPE for label in labels])
    right = np.array([p.leader == label for p, label in zip(predictions, labels, strict=True)])
    confidence = np.array([prediction.confidence for prediction in predictions])
    strict = np.quantile(confidence[~inside], 0.95)
    return {
        "accuracy": 100 * float(right[inside].mean()),
        "ece": expected_error(confidence[inside], right[inside]),
        "auroc": auroc(confidence[inside], confidence[~inside]),
        "in_scope_at_95_recall": 100 * float((right & (confidence > strict))[inside].mean()),
    }


def describe(predictions: list[Prediction], labels: list[str]) -> Iterator[str]:
    """Yield the calibration of the in-scope requests and what the threshold does, then a row for each score."""
    inside = np.array([label != OUT_OF_SCOPE for label in labels])
    right = np.array([p.leader == label for p, label in zip(predictions, labels, strict=True)])
    confidence = np.array([prediction.confidence for prediction in predictions])
    routed = np.array([not prediction.abstained for prediction in predictions])
    ece = expected_error(confidence[inside], right[inside])
    chance = by_chance(confidence[inside])
    yield f"in scope: accuracy {right[inside].mean():.2%}, ECE {ece:.4f} (an honest router: {chance:.4f} on average)"
    kept, refused = (routed & right)[inside].mean(), 1 - routed[~inside].mean()
    yield f"at its threshold: {kept:.2%} routed right, {refused:.1%} of the others refused"
    for name, values in scores_of(predictions).items():
        yield f"{name}: {judge(values[inside], right[inside], values[~inside])}"


def scores_of(predictions: list[Prediction]) -> dict[str, NDArray[np.float64]]:
    """Return what abstention might rest on, each higher for what is in scope, shape (requests,)."""
    scores = np.stack([prediction.scoreboard.scores for prediction in predictions]).astype(np.float64)
    best = scores.max(axis=1)
    found = {
        "confidence": np.array([prediction.confidence for prediction in predictions]),
        "best score": best,
        "margin": np.array([prediction.margin for prediction in predictions]),
        "best less mean": best - scores.mean(axis=1),
    }
    for inverse in INVERSE_TEMPERATURES:
        found[f"energy at {inverse:g}"] = (
            best + np.log(np.exp((scores - best[:, None]) * inverse).sum(axis=1)) / inverse
        )
    return found


def judge(inside: NDArray[np.float64], right: NDArray[np.bool_], outside: NDArray[np.float64]) -> str:
    """Say how well a score parts the two: an abstention counts as an error of the in-scope requests."""
    strict, lax = np.quantile(outside, 0.95), np.quantile(inside, 0.05)
    kept, refused = (right & (inside > strict)).mean(), (outside < lax).mean()
    return f"AUROC {auroc(inside, outside):.4f}, accuracy at 95% refused {kept:.2%}, refused at 95% kept {refused:.1%}"


def auroc(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """Return the chance that a request in scope scores higher than one that is not; equal scores count half."""
    ordered = np.sort(outside)
    below = np.searchsorted(ordered, inside, side="left")
    up_to = np.searchsorted(ordered, inside, side="right")
    return float((below + up_to).mean() / 2 / len(outside))


def by_chance(confidence: NDArray[np.float64], draws: int = 200) -> float:
    """Return the mean ECE that these confidences would show if every one were true: the sampling noise of it."""
    generator = np.random.default_rng(0)
    return float(
        np.mean([expected_error(confidence, generator.random(len(confidence)) < confidence) for _ in range(draws)])
    )


if __name__ == "__main__":
    sys.exit(main())
