"""Learn BANKING77 from thumbs: begin with ten examples an intent, then 5,000 requests of which only a thumb is seen.

Run ``python -m benchmarks.router.feedback [--seeds 0 1 2] [--flipped 0 0.1] [--named SHARE] [--only-up] [--json]``; the
data is found by ``POINTSMAN_DATA``. The requests are texts of ``train.jsonl`` that are not in ``train_10.jsonl``. The
router gives each to its leader, and learns all thumbs so far anew at every mark: a full training, not a step. Accuracy
is that of the leader on ``dev.jsonl``, of which nothing is learnt; the bounds are the start, and the same code with a
thumb up on the true label of every request. Held-out runs that calibrate are left out: they do not move the leader.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.router.data import DATA
from router import Example, Feedback, read_examples
from router.checkpoint import Checkpoint
from router.stages import Stages
from router.thumbs import Thumbs
from router.training import torch_settings
from router.training_config import FEW_EXAMPLES, Progress, recipe

REQUESTS: Final = 5000
MARKS: Final = (0, 250, 500, 750, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, REQUESTS)
SHOWN: Final = (500, 1000, 2000, 3000, 4000, REQUESTS)

Leads = Callable[[Sequence[str]], list[str]]


@dataclass(frozen=True, slots=True)
class World:
    """One seed's order of requests, with the thumbs that are wrong and those that name the right agent.

    Attributes:
        shown: Ten examples an intent.
        requests: What is asked then, in this order.
        dev: What is judged on.
        flipped: Whether the thumb on each request is the wrong one.
        named: Whether a thumb down on it names the right agent.
        seed: Of the order, of both, and of the training.
    """

    shown: Sequence[Example]
    requests: Sequence[Example]
    dev: Sequence[Example]
    flipped: NDArray[np.bool_]
    named: NDArray[np.bool_]
    seed: int


@dataclass(frozen=True, slots=True)
class Course:
    """How a stream went: accuracy on dev at each mark, and the share of the requests whose leader was right."""

    at_mark: dict[int, float]
    online: float


def build_world(seed: int, flipped: float, named: float) -> World:
    """Shuffle the texts of train.jsonl that are not in train_10.jsonl, and take the first 5,000."""
    shown, others, dev = (read_examples(DATA / "banking77" / f"{part}.jsonl") for part in ("train_10", "train", "dev"))
    known = {example.text for example in shown}
    others = [example for example in others if example.text not in known]
    generator = np.random.default_rng(seed)
    requests = [others[at] for at in generator.permutation(len(others))[:REQUESTS].tolist()]
    wrong, tells = (generator.random(REQUESTS) < share for share in (flipped, named))
    return World(shown, requests, dev, wrong, tells, seed)


def learn(world: World, feedback: Sequence[Feedback]) -> Leads:
    """Train on the examples shown and on feedback, and return who leads each of some texts."""
    labels = sorted({example.label for example in world.shown})
    number = {label: at for at, label in enumerate(labels)}
    texts, targets = [e.text for e in world.shown], np.array([number[e.label] for e in world.shown])
    config = recipe(replace(FEW_EXAMPLES, seed=world.seed), len(texts), len(feedback))
    with torch_settings(config.threads):
        thumbs = Thumbs.read(feedback, number)
        stages = Stages(texts, targets, labels, thumbs, config, _silent, Checkpoint())
        fitted, arrays = stages.fit(epochs=0)

    def leads(asked: Sequence[str]) -> list[str]:
        scores = fitted.vectors(asked) @ arrays.head.T
        return [labels[at] for at in scores.argmax(axis=1).tolist()]

    return leads


def stream(world: World, *, only_up: bool) -> Course:
    """Route the requests, see a thumb for each, learn them all at every mark."""
    feedback: list[Feedback] = []
    leads = learn(world, feedback)
    at_mark = {0: accuracy(leads, world.dev)}
    hits = 0
    for begin, end in pairwise(MARKS):
        asked = world.requests[begin:end]
        for at, (request, agent) in enumerate(zip(asked, leads([e.text for e in asked]), strict=True), start=begin):
            hits += agent == request.label
            feedback.append(_thumb(world, at, agent))
        leads = learn(world, [f for f in feedback if f.right or not only_up])
        at_mark[end] = accuracy(leads, world.dev)
    return Course(at_mark, 100 * hits / REQUESTS)


def supervised(world: World) -> float:
    """Return the accuracy on dev of the same code with a thumb up on every true label."""
    return accuracy(learn(world, [Feedback(e.text, e.label, right=True) for e in world.requests]), world.dev)


def gap_closed(course: Course, bound: float) -> float:
    """Return which share of the way from the start to the bound was gone, in percent."""
    start, end = course.at_mark[0], course.at_mark[REQUESTS]
    return 100 * (end - start) / (bound - start)


def figures(seed: int, models: Mapping[str, Path]) -> dict[str, float]:
    """Return the share of the gap that is closed, in percent, by honest thumbs and with a tenth of them flipped."""
    del models
    bound = supervised(build_world(seed, 0.0, 0.0))
    found = {"bound": bound}
    for flipped, name in ((0.0, ""), (0.1, "_flipped")):
        course = stream(build_world(seed, flipped, 0.0), only_up=False)
        found |= {
            "start": course.at_mark[0],
            f"gap_closed{name}": gap_closed(course, bound),
            f"end{name}": course.at_mark[REQUESTS],
            f"lowest_less_start{name}": min(course.at_mark.values()) - course.at_mark[0],
            f"online{name}": course.online,
        }
    return found


def accuracy(leads: Leads, dev: Sequence[Example]) -> float:
    """Return the share of dev that its label leads, in percent."""
    return 100 * statistics.fmean(a == e.label for a, e in zip(leads([e.text for e in dev]), dev, strict=True))


def _thumb(world: World, at: int, agent: str) -> Feedback:
    label = world.requests[at].label
    right = (agent == label) != bool(world.flipped[at])
    tells = not right and agent != label and bool(world.named[at])
    return Feedback(world.requests[at].text, agent, right=right, should_be=label if tells else "")


def main() -> int:
    """Run every share of flipped thumbs on every seed, and print a line for each and one for their mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--flipped", type=float, nargs="+", default=[0.0, 0.1], help="shares of thumbs that are wrong")
    parser.add_argument("--named", type=float, default=0.0, help="share of the thumbs down that name the right agent")
    parser.add_argument("--only-up", action="store_true", help="learn from the thumbs up alone, to compare")
    parser.add_argument("--json", action="store_true", help="the figures of the table, one JSON object a seed")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"{DATA}: no data; set POINTSMAN_DATA", file=sys.stderr)
        return 2
    if options.json:
        for seed in options.seeds:
            print(json.dumps({"seed": seed, **figures(seed, {})}), flush=True)
        return 0
    bounds = {seed: supervised(build_world(seed, 0.0, 0.0)) for seed in options.seeds}
    for flipped in options.flipped:
        shares = []
        for seed in options.seeds:
            before = time.process_time()
            course = stream(build_world(seed, flipped, options.named), only_up=options.only_up)
            start = course.at_mark[0]
            shares.append(gap_closed(course, bounds[seed]))
            marks = " ".join(f"{mark}: {course.at_mark[mark]:.2f}" for mark in SHOWN)
            lowest = min(course.at_mark.values())
            print(
                f"flipped {flipped:.0%}, seed {seed}: start {start:.2f}; {marks}; lowest {lowest:.2f};"
                f" online {course.online:.2f}; true labels {bounds[seed]:.2f}; gap closed {shares[-1]:.1f}%"
                f" ({time.process_time() - before:.0f} CPU-s)",
                flush=True,
            )
        print(f"flipped {flipped:.0%}: gap closed {statistics.fmean(shares):.1f}%", flush=True)
    return 0


def _silent(progress: Progress) -> None:
    """Report to nobody."""


if __name__ == "__main__":
    sys.exit(main())
