"""Owns the examination: where a router goes wrong, how much of that its confidence knows, and what it lets through."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from router.calibration import bin_of
from router.dataset import Example
from router.evaluation import Decided, Evaluation, decide_all, summarise
from router.prediction import Abstained, Prediction
from router.protocol import Router

BINS: Final = 15
RISKS: Final = (0.01, 0.02, 0.05, 0.1)
_MOST_POINTS: Final = 200
_LATENCIES: Final = 24


class Confused(NamedTuple):
    """A label, the agent that led instead, and how often."""

    label: str
    leader: str
    times: int


class LabelScore(NamedTuple):
    """One label: how many examples it has, and precision, recall and F1 of the leader, each from 0 to 1."""

    label: str
    examples: int
    precision: float
    recall: float
    f1: float


class Bin(NamedTuple):
    """A range of confidence, how many decisions fall into it, their mean confidence and their accuracy (0 if none)."""

    low: float
    high: float
    decisions: int
    confidence: float
    accuracy: float


class RiskPoint(NamedTuple):
    """The most that can be routed with at most this share of it wrong, and the threshold that does so.

    Read off the very requests that were examined, so it flatters; an error budget (``router.budget``) does not.
    """

    risk: float
    coverage: float
    threshold: float


class OutOfScope(NamedTuple):
    """Requests for nobody: how many, on which share the router abstained, and the area under the ROC curve.

    The area is the probability that a request for somebody has a higher confidence than one for nobody; 0.5 is chance.
    """

    requests: int
    abstention_rate: float
    auroc: float


class Took(NamedTuple):
    """A range of microseconds, and how many decisions took so long."""

    low: float
    high: float
    decisions: int


@dataclass(frozen=True, slots=True)
class Examination:
    """All that labelled requests, and requests for nobody, say of a router.

    Attributes:
        evaluation: The figures in short, of the labelled requests.
        threshold: The router abstains below this confidence.
        budget: The error budget in force, if any.
        abstentions: How often the router abstained on labelled requests, for each reason.
        confused: The pairs that were confused, the most frequent first.
        labels: The labels, the worst F1 first.
        reliability: Confidence against accuracy, 15 bins of equal width.
        at_risk: What can be routed at 1, 2, 5 and 10% wrong; requests for nobody are wrong when routed.
        curve: Coverage and risk of at most 200 thresholds, strict to lax, the same requests.
        operating: Coverage and risk at the router's own threshold.
        out_of_scope: What became of requests for nobody; None if there were none.
        latency: How many decisions took how long, steps of equal ratio, the slowest hundredth in the last.
    """

    evaluation: Evaluation
    threshold: float
    budget: float | None
    abstentions: dict[str, int]
    confused: tuple[Confused, ...]
    labels: tuple[LabelScore, ...]
    reliability: tuple[Bin, ...]
    at_risk: tuple[RiskPoint, ...]
    curve: tuple[tuple[float, float], ...]
    operating: tuple[float, float]
    out_of_scope: OutOfScope | None
    latency: tuple[Took, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types: the figures in short, and the rest beside them."""
        return {
            **self.evaluation.to_json(),
            "threshold": self.threshold,
            "budget": self.budget,
            "abstentions": self.abstentions,
            "coverage_at_risk": [point._asdict() for point in self.at_risk],
            "out_of_scope": None if self.out_of_scope is None else self.out_of_scope._asdict(),
            "confused": [pair._asdict() for pair in self.confused],
            "labels": [label._asdict() for label in self.labels],
            "reliability": [one._asdict() for one in self.reliability],
            "risk_coverage": [list(point) for point in self.curve],
            "operating_point": list(self.operating),
            "latency": [took._asdict() for took in self.latency],
        }


def examine(
    router: Router, examples: Sequence[Example], clock_ns: Callable[[], int], out_of_scope: Sequence[str] = ()
) -> Examination:
    """Route every request and say all there is to say.

    Args:
        router: Examined here.
        examples: At least one.
        clock_ns: Monotonic nanoseconds, read before and after each timed decision.
        out_of_scope: Requests that no agent serves.

    Raises:
        RouterError: There are no examples.
    """
    decided = decide_all(router, examples, clock_ns)
    nobodys = [router.predict(text) for text in out_of_scope]
    confidence = np.concatenate([decided.confidence, np.array([p.confidence for p in nobodys])])
    wrong = np.concatenate([~decided.right, np.ones(len(nobodys), dtype=np.bool_)])
    coverage, risk, thresholds = risk_coverage(confidence, wrong)
    first = decided.predictions[0]
    return Examination(
        evaluation=summarise(decided),
        threshold=first.threshold,
        budget=first.budget,
        abstentions=_abstentions(decided.predictions),
        confused=_confused(decided),
        labels=_labels(decided),
        reliability=_reliability(decided.confidence, decided.right),
        at_risk=tuple(_at_risk(coverage, risk, thresholds, most) for most in RISKS),
        curve=_thin(coverage, risk),
        operating=_operating([*decided.predictions, *nobodys], wrong),
        out_of_scope=_out_of_scope(decided.confidence, nobodys) if nobodys else None,
        latency=_latency(decided.elapsed_us),
    )


def risk_coverage(
    confidence: NDArray[np.float64], wrong: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return coverage, risk and threshold where each distinct confidence, from the highest down, is the threshold.

    Args:
        confidence: Of every decision, shape (decisions,).
        wrong: Whether it is wrong if routed, shape (decisions,).
    """
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    last = np.append(falling[1:] != falling[:-1], True)  # equal confidences are routed together or not at all
    routed = np.arange(1, len(order) + 1)
    risk = np.cumsum(wrong[order]) / routed
    return (routed / len(order))[last], risk[last], falling[last]


def auroc(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """Return the probability that a draw from inside is above one from outside, ties by half (Mann and Whitney, 1947).

    Args:
        inside: Shape (requests,), at least one.
        outside: Shape (others,), at least one.
    """
    ranked = np.sort(outside)
    below = np.searchsorted(ranked, inside, side="left") + np.searchsorted(ranked, inside, side="right")
    return float(below.mean() / (2 * len(outside)))


def _at_risk(
    coverage: NDArray[np.float64], risk: NDArray[np.float64], thresholds: NDArray[np.float64], most: float
) -> RiskPoint:
    held = np.flatnonzero(risk <= most)
    if not len(held):
        return RiskPoint(most, 0.0, 1.0)
    return RiskPoint(most, float(coverage[held[-1]]), float(thresholds[held[-1]]))


def _thin(coverage: NDArray[np.float64], risk: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    kept = np.unique(np.linspace(0, len(coverage) - 1, _MOST_POINTS).round().astype(np.int64))
    return tuple(zip(coverage[kept].tolist(), risk[kept].tolist(), strict=True))


def _operating(predictions: Sequence[Prediction], wrong: NDArray[np.bool_]) -> tuple[float, float]:
    routed = np.array([not prediction.abstained for prediction in predictions])
    return float(routed.mean()), float(wrong[routed].mean()) if routed.any() else 0.0


def _abstentions(predictions: Sequence[Prediction]) -> dict[str, int]:
    reasons = Counter(p.choice.value for p in predictions if isinstance(p.choice, Abstained))
    return dict(sorted(reasons.items()))


def _confused(decided: Decided) -> tuple[Confused, ...]:
    pairs = zip(decided.labels, decided.predictions, strict=True)
    counts = Counter((label, p.leader) for label, p in pairs if p.leader != label)
    found = (Confused(label, leader, count) for (label, leader), count in counts.items())
    return tuple(sorted(found, key=lambda pair: (-pair.times, pair.label, pair.leader)))


def _labels(decided: Decided) -> tuple[LabelScore, ...]:
    wanted = Counter(decided.labels)
    claimed = Counter(prediction.leader for prediction in decided.predictions)
    hits = Counter(label for label, right in zip(decided.labels, decided.right.tolist(), strict=True) if right)
    scores = (
        LabelScore(
            label,
            count,
            precision=hits[label] / max(claimed[label], 1),
            recall=hits[label] / count,
            f1=2 * hits[label] / (count + claimed[label]),
        )
        for label, count in wanted.items()
    )
    return tuple(sorted(scores, key=lambda score: (score.f1, score.label)))


def _reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    place = bin_of(confidence, BINS)
    counts = np.bincount(place, minlength=BINS)
    filled = np.maximum(counts, 1)
    sure = np.bincount(place, weights=confidence, minlength=BINS) / filled
    accuracy = np.bincount(place, weights=right, minlength=BINS) / filled
    values = zip(counts.tolist(), sure.tolist(), accuracy.tolist(), strict=True)
    return tuple(Bin(at / BINS, (at + 1) / BINS, *value) for at, value in enumerate(values))


def _latency(elapsed_us: NDArray[np.float64]) -> tuple[Took, ...]:
    low, high = (max(float(np.percentile(elapsed_us, at)), 0.1) for at in (0, 99))
    edges = np.geomspace(low, max(high, 1.01 * low), _LATENCIES + 1)
    counts = np.histogram(np.clip(elapsed_us, edges[0], edges[-1]), edges)[0]
    values = zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    return tuple(Took(round(begin, 2), round(end, 2), count) for begin, end, count in values)


def _out_of_scope(inside: NDArray[np.float64], nobodys: Sequence[Prediction]) -> OutOfScope:
    refused = sum(prediction.abstained for prediction in nobodys) / len(nobodys)
    return OutOfScope(len(nobodys), refused, auroc(inside, np.array([p.confidence for p in nobodys])))
