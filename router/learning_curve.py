"""Owns the learning curve: how many requests are led right by routers that learnt from fewer examples, and from all."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from router.checkpoint import Checkpoint
from router.dataset import Example
from router.errors import RouterError
from router.stages import Stages
from router.thumbs import Thumbs
from router.training import torch_settings
from router.training_config import Report, TrainingConfig

#: Of each label's examples, at least one.
SHARES: Final = (0.125, 0.25, 0.5, 1.0)


class LearningPoint(NamedTuple):
    """A training on some examples: the share of each label's, how many that are, and the accuracy it came to, 0 to 1.

    Accuracy is the share of requests whose label leads; where nobody would be chosen the leader counts all the same.
    """

    share: float
    examples: int
    accuracy: float


def learning_curve(
    examples: Sequence[Example],
    asked: Sequence[Example],
    recipe: Callable[[Sequence[Example]], TrainingConfig],
    report: Report,
    shares: Sequence[float] = SHARES,
) -> tuple[LearningPoint, ...]:
    """Train on growing parts of the examples, each part within the next, and judge each router on the same requests.

    Only the network is fitted, nothing is calibrated: accuracy does not depend on it.

    Args:
        examples: At least two labels.
        asked: Requests that are not among them, at least one.
        recipe: How to train on so many examples.
        report: Told after every epoch.
        shares: Of each label's examples, above 0 and at most 1.

    Raises:
        RouterError: There are fewer than two labels, or no requests.
    """
    if len({example.label for example in examples}) < 2 or not asked:
        raise RouterError("a learning curve takes examples of two labels at least, and a request to judge by")
    points = []
    for share in shares:
        some = part_of(examples, share)
        points.append(LearningPoint(share, len(some), _accuracy(some, asked, recipe(some), report)))
    return tuple(points)


def part_of(examples: Sequence[Example], share: float) -> list[Example]:
    """Return a share of each label's examples, at least one, in their order; a smaller share lies within a larger one.

    Which ones is drawn once, from a seed of its own.
    """
    places = defaultdict(list)
    for at, example in enumerate(examples):
        places[example.label].append(at)
    generator = np.random.default_rng(0)
    kept: list[int] = []
    for label in sorted(places):
        drawn = generator.permutation(places[label]).tolist()
        kept += drawn[: max(round(share * len(drawn)), 1)]
    return [examples[at] for at in sorted(kept)]


def _accuracy(some: Sequence[Example], asked: Sequence[Example], config: TrainingConfig, report: Report) -> float:
    labels = sorted({example.label for example in some})
    number = {label: at for at, label in enumerate(labels)}
    targets = np.array([number[example.label] for example in some])
    texts = [example.text for example in some]
    stages = Stages(texts, targets, labels, Thumbs.none(), config, report, Checkpoint())
    with torch_settings(config.threads):
        fitted, arrays = stages.fit(0)
        scores = fitted.vectors([example.text for example in asked]) @ arrays.head.T
    truth = np.array([number.get(example.label, -1) for example in asked])
    return float((scores.argmax(axis=1) == truth).mean())
