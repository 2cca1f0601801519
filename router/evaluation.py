"""Owns the evaluation: how often a router is right, how honest its confidence is, and how long a decision takes."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from router.calibration import expected_error
from router.dataset import Example
from router.errors import RouterError
from router.prediction import Prediction
from router.protocol import Router


@dataclass(frozen=True, slots=True)
class Decided:
    """Every example, decided on.

    Attributes:
        labels: Who should serve each.
        predictions: What the router answered.
        right: Whether the leader is the label, shape (examples,).
        confidence: Of each leader, shape (examples,).
        accepted: Whether the router chose somebody, shape (examples,).
        elapsed_us: Time of each decision in microseconds, single-threaded, warm, shape (examples,).
    """

    labels: tuple[str, ...]
    predictions: tuple[Prediction, ...]
    right: NDArray[np.bool_]
    confidence: NDArray[np.float64]
    accepted: NDArray[np.bool_]
    elapsed_us: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a router does on labelled examples; shares from 0 to 1, times in microseconds.

    Attributes:
        examples: Number of examples.
        accuracy: Share whose leader is the label; an abstention does not count against it.
        macro_f1: Mean over the labels of the F1 of the leader.
        ece: Expected calibration error of the confidence, 15 bins.
        abstention_rate: Share on which the router abstained.
        selective_accuracy: Accuracy on the others; 0 when there are none.
        p50_us: Median time of a decision, single-threaded, warm.
        p99_us: 99th percentile of it.
    """

    examples: int
    accuracy: float
    macro_f1: float
    ece: float
    abstention_rate: float
    selective_accuracy: float
    p50_us: float
    p99_us: float

    def to_json(self) -> dict[str, float]:
        """Return plain JSON types."""
        return asdict(self)


def evaluate(router: Router, examples: Sequence[Example], clock_ns: Callable[[], int]) -> Evaluation:
    """Route every example twice and say how that went; see ``decide_all`` and ``summarise``.

    Args:
        router: Judged here.
        examples: At least one.
        clock_ns: Monotonic nanoseconds, as from a clock of the caller.

    Raises:
        RouterError: There are no examples.
    """
    return summarise(decide_all(router, examples, clock_ns))


def decide_all(router: Router, examples: Sequence[Example], clock_ns: Callable[[], int]) -> Decided:
    """Route every example twice, once to warm up and once against the clock.

    Args:
        router: Judged here.
        examples: At least one.
        clock_ns: Monotonic nanoseconds, read before and after each timed decision.

    Raises:
        RouterError: There are no examples.
    """
    if not examples:
        raise RouterError("no examples to evaluate on; give at least one")
    for example in examples:
        router.predict(example.text)
    timed = [_timed(router, example.text, clock_ns) for example in examples]
    return Decided(
        labels=tuple(example.label for example in examples),
        predictions=tuple(prediction for prediction, _ in timed),
        right=np.array([p.leader == e.label for (p, _), e in zip(timed, examples, strict=True)]),
        confidence=np.array([prediction.confidence for prediction, _ in timed]),
        accepted=np.array([not prediction.abstained for prediction, _ in timed]),
        elapsed_us=np.array([nanoseconds for _, nanoseconds in timed]) / 1000,
    )


def summarise(decided: Decided) -> Evaluation:
    """Return the figures of an evaluation."""
    return Evaluation(
        examples=len(decided.labels),
        accuracy=float(decided.right.mean()),
        macro_f1=_macro_f1([prediction.leader for prediction in decided.predictions], decided.labels),
        ece=expected_error(decided.confidence, decided.right),
        abstention_rate=float(1 - decided.accepted.mean()),
        selective_accuracy=_mean(decided.right[decided.accepted]),
        p50_us=float(np.percentile(decided.elapsed_us, 50)),
        p99_us=float(np.percentile(decided.elapsed_us, 99)),
    )


def _timed(router: Router, text: str, clock_ns: Callable[[], int]) -> tuple[Prediction, int]:
    before = clock_ns()
    prediction = router.predict(text)
    return prediction, clock_ns() - before


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _macro_f1(guesses: Sequence[str], labels: Sequence[str]) -> float:
    pairs = list(zip(guesses, labels, strict=True))
    return float(np.mean([_f1(pairs, label) for label in sorted(set(labels))]))


def _f1(pairs: Sequence[tuple[str, str]], label: str) -> float:
    hits = sum(guess == truth == label for guess, truth in pairs)
    claimed = sum(guess == label for guess, _ in pairs)
    wanted = sum(truth == label for _, truth in pairs)
    return 2 * hits / (claimed + wanted)
