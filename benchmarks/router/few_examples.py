"""Ten examples an agent: accuracy on dev of the recipe for few examples and of one change at a time.

Run ``python -m benchmarks.router.few_examples [--draws] [--rest] [--sets SET ...] [VARIANT ...] [--seeds 0 1 2]``; the
data is found by ``POINTSMAN_DATA``. What is measured is the served rows, without the held-out runs that
calibrate, which do not move them. ``--rest`` judges on every training request that is not shown instead of on dev: they
are about ten times as many, so a difference of a point is resolved there. Choose by it, report dev.
"""

import argparse
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import replace
from typing import Final

import numpy as np

from benchmarks.router.data import DATA
from router.checkpoint import Checkpoint
from router.dataset import Example, read_examples
from router.stages import Stages
from router.thumbs import Thumbs
from router.training import torch_settings
from router.training_config import FEW_EXAMPLES, FROM_CARDS, Progress, TrainingConfig

SETS: Final = ("banking77", "clinc150")
SHOTS: Final = 10

_BARE: Final = replace(FEW_EXAMPLES, base_share=0.0)
VARIANTS: Final[dict[str, TrainingConfig]] = {
    "default": FEW_EXAMPLES,
    "before": FROM_CARDS,
    "no names": replace(FEW_EXAMPLES, names=False),
    "no noise": replace(FEW_EXAMPLES, base_noise=0.0),
    "no names, no noise": replace(FEW_EXAMPLES, names=False, base_noise=0.0),
    "noise 0.5": replace(FEW_EXAMPLES, base_noise=0.5),
    "noise 1.5": replace(FEW_EXAMPLES, base_noise=1.5),
    "no base": _BARE,
    "no base, rows of 128": replace(_BARE, size=128),
    "base share 2": replace(FEW_EXAMPLES, base_share=2.0),
    "base share 4": replace(FEW_EXAMPLES, base_share=4.0),
    "base share 12": replace(FEW_EXAMPLES, base_share=12.0),
    "rows of 24": replace(FEW_EXAMPLES, size=24),
    "rows of 128": replace(FEW_EXAMPLES, size=128),
    "80 epochs": replace(FEW_EXAMPLES, epochs=80),
    "160 epochs": replace(FEW_EXAMPLES, epochs=160),
    "rate 0.03": replace(FEW_EXAMPLES, learning_rate=0.03),
    "rate 0.1": replace(FEW_EXAMPLES, learning_rate=0.1),
    "rate 0.02, 60 epochs": replace(FEW_EXAMPLES, learning_rate=0.02, epochs=60),
    "dropout 0.6": replace(FEW_EXAMPLES, dropout=0.6),
    "dropout 0.9": replace(FEW_EXAMPLES, dropout=0.9),
    "no smoothing": replace(FEW_EXAMPLES, smoothing=0.0),
    "blend 0.3": replace(FEW_EXAMPLES, blend=0.3),
    "scale 8": replace(FEW_EXAMPLES, scale=8.0),
    "scale 20": replace(FEW_EXAMPLES, scale=20.0),
    "sketch share 2": replace(FEW_EXAMPLES, sketch_share=2.0),
    "sketch share 0.5": replace(FEW_EXAMPLES, sketch_share=0.5),
    "sketch of 256": replace(FEW_EXAMPLES, sketch_size=256),
}


def draw(name: str, seed: int) -> list[Example]:
    """Return ten random examples a label from a set's training part."""
    examples = read_examples(DATA / name / "train.jsonl")
    generator = np.random.default_rng(seed)
    by_label: dict[str, list[Example]] = defaultdict(list)
    for at in generator.permutation(len(examples)).tolist():
        if len(by_label[examples[at].label]) < SHOTS:
            by_label[examples[at].label].append(examples[at])
    return [example for label in sorted(by_label) for example in by_label[label]]


def rest(examples: list[Example], shown: list[Example]) -> list[Example]:
    """Return the examples whose text is not shown, under whatever label."""
    seen = {example.text for example in shown}
    return [example for example in examples if example.text not in seen]


def accuracy(shown: list[Example], dev: list[Example], config: TrainingConfig) -> float:
    """Train on the examples shown and return the share of dev that its label leads, in percent."""
    labels = sorted({example.label for example in shown})
    number = {label: at for at, label in enumerate(labels)}
    texts, targets = [e.text for e in shown], np.array([number[e.label] for e in shown])
    stages = Stages(texts, targets, labels, Thumbs.none(), config, _silent, Checkpoint())
    with torch_settings(config.threads):
        fitted, arrays = stages.fit(epochs=0)
        scores = fitted.vectors([example.text for example in dev]) @ arrays.head.T
    return 100 * float((scores.argmax(axis=1) == np.array([number[e.label] for e in dev])).mean())


def measure(name: str, config: TrainingConfig, options: argparse.Namespace) -> float:
    """Return the accuracy on one set, in percent, under the options of the command line."""
    shown = draw(name, config.seed) if options.draws else read_examples(DATA / name / "train_10.jsonl")
    judged = read_examples(DATA / name / ("train.jsonl" if options.rest else "dev.jsonl"))
    held = rest(judged, shown) if options.rest else judged
    return accuracy(shown, held, config)


def main() -> int:
    """Measure each variant on both sets and print a row for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=", ".join(VARIANTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--draws", action="store_true", help="ten random examples for each seed, not the published ten")
    parser.add_argument("--rest", action="store_true", help="judge on the rest of the training part, not on dev")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    options = parser.parse_args()
    unknown = set(options.variants) - set(VARIANTS)
    if unknown or not DATA.is_dir():
        print(
            f"no such variant: {sorted(unknown)}" if unknown else f"{DATA}: no data; set POINTSMAN_DATA",
            file=sys.stderr,
        )
        return 2
    for variant in options.variants or VARIANTS:
        cells = []
        for name in options.sets:
            before = time.process_time()
            found = [measure(name, replace(VARIANTS[variant], seed=seed), options) for seed in options.seeds]
            seconds = (time.process_time() - before) / len(found)
            every = " ".join(f"{value:.2f}" for value in found)
            cells.append(f"{name} {statistics.fmean(found):.2f} ({every}), {seconds:.0f} CPU-s")
        print(f"{variant}: {'; '.join(cells)}", flush=True)
    return 0


def _silent(progress: Progress) -> None:
    """Report to nobody."""


if __name__ == "__main__":
    sys.exit(main())
