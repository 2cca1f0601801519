"""One contestant in one process: train, judge, or serve; one line of JSON. Standard library only."""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from benchmarks.peers.harness import MARK

WARM_UP: Final = 20
#: Passes over requests that were met before; of each request the least counts.
PASSES: Final = 3
#: Label of a text that is for nobody; only a contestant that can learn from such is given any.
NOBODY: Final = ""


class Contestant(Protocol):
    """Something that learns from labelled texts; a heavy import belongs into its methods, so that loading counts it."""

    def fit(self, texts: Sequence[str], labels: Sequence[str], seed: int) -> None:
        """Learn."""

    def judge(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """Return the label and the score (higher: known rather) of each text."""

    def save(self, folder: Path) -> None:
        """Write all that `load` needs."""

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""


def main(make: Callable[[], Contestant], *, probability: bool) -> None:
    """Do the one thing that the task on standard input asks for, and print its figures.

    Args:
        make: returns a fresh contestant.
        probability: whether its score is one, so that a calibration error means something.
    """
    task = json.load(sys.stdin)
    steps = {"train": _train, "judge": _judge, "serve": _serve}
    print(MARK + json.dumps(steps[task["step"]](make(), task, probability=probability)), flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below or at which that share of the values lies (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, -int(-share * len(ranked) // 1) - 1))]


def auroc(known: Sequence[float], unknown: Sequence[float]) -> float:
    """Return how often a known request scores higher than an unknown one; a tie counts half (Mann-Whitney)."""
    ranked = sorted([(score, 1) for score in known] + [(score, 0) for score in unknown])
    wins, below, at = 0.0, 0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        here = sum(is_known for _, is_known in ranked[at:end])
        strangers = end - at - here
        wins += here * (below + strangers / 2)
        below, at = below + strangers, end
    return wins / (len(known) * len(unknown))


def accuracy_at_recall(right: Sequence[bool], known: Sequence[float], unknown: Sequence[float], recall: float) -> float:
    """Return the share of known requests that are right and kept where that share of the unknown is turned away."""
    threshold = percentile(unknown, recall)
    return statistics.fmean(good and score > threshold for good, score in zip(right, known, strict=True))


def calibration_error(right: Sequence[bool], confidence: Sequence[float], bins: int = 15) -> float:
    """Return the expected calibration error over bins of equal width (Guo et al. 2017, arXiv:1706.04599)."""
    members: dict[int, list[tuple[bool, float]]] = {}
    for good, value in zip(right, confidence, strict=True):
        members.setdefault(min(bins - 1, int(value * bins)), []).append((good, value))
    gaps = (abs(sum(good for good, _ in group) - sum(value for _, value in group)) for group in members.values())
    return sum(gaps) / len(right)


def _train(contestant: Contestant, task: Mapping[str, object], *, probability: bool) -> dict[str, float]:
    del probability
    shown = _read(task["train"])
    if task.get("nobodys"):
        shown += [(text, NOBODY) for text, _ in _read(task["nobodys"])]
    before, wall = time.process_time(), time.perf_counter()
    contestant.fit([text for text, _ in shown], [label for _, label in shown], int(str(task["seed"])))
    figures = {"train_cpu_s": time.process_time() - before, "train_wall_s": time.perf_counter() - wall}
    folder = Path(str(task["folder"]))
    folder.mkdir(parents=True, exist_ok=True)
    contestant.save(folder)
    figures["file_mb"] = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    return figures


def _judge(contestant: Contestant, task: Mapping[str, object], *, probability: bool) -> dict[str, float]:
    contestant.load(Path(str(task["folder"])))
    asked = _read(task["dev"])
    answers = contestant.judge([text for text, _ in asked])
    right = [label == said for (said, _), (_, label) in zip(answers, asked, strict=True)]
    scores = [score for _, score in answers]
    figures = {"accuracy": 100 * statistics.fmean(right)}
    if probability:
        figures["ece"] = calibration_error(right, scores)
    if task.get("unknown"):
        strangers = [score for _, score in contestant.judge([text for text, _ in _read(task["unknown"])])]
        figures["auroc"] = auroc(scores, strangers)
        figures["in_scope_at_95_recall"] = 100 * accuracy_at_recall(right, scores, strangers, 0.95)
    if task.get("mistyped"):
        typed = contestant.judge([text for text, _ in _read(task["mistyped"])])
        kept = statistics.fmean(label == said for (said, _), (_, label) in zip(typed, asked, strict=True))
        figures["typos_lost"] = figures["accuracy"] - 100 * kept
    return figures


def _serve(contestant: Contestant, task: Mapping[str, object], *, probability: bool) -> dict[str, float]:
    del probability
    texts = [text for text, _ in _read(task["dev"])][: int(str(task["requests"]))]
    before, wall = _resident_mb(), time.perf_counter()
    contestant.load(Path(str(task["folder"])))
    contestant.judge(texts[:1])
    figures = {"load_s": time.perf_counter() - wall, "rss_mb": _resident_mb() - before}
    for text in texts[:WARM_UP]:
        contestant.judge([text])
    cold = _microseconds(contestant, texts[WARM_UP:] or texts)
    passes = [_microseconds(contestant, texts) for _ in range(PASSES)]
    warm = [min(each) for each in zip(*passes, strict=True)]
    times = {"cold_p50_us": percentile(cold, 0.5), "cold_p99_us": percentile(cold, 0.99)}
    return {**figures, **times, "p50_us": percentile(warm, 0.5), "p99_us": percentile(warm, 0.99)}


def _microseconds(contestant: Contestant, texts: Sequence[str]) -> list[float]:
    taken = []
    for text in texts:
        started = time.perf_counter_ns()
        contestant.judge([text])
        taken.append((time.perf_counter_ns() - started) / 1e3)
    return taken


def _read(path: object) -> list[tuple[str, str]]:
    rows = map(json.loads, Path(str(path)).read_text("utf-8").splitlines())
    return [(row["text"], row.get("label", NOBODY)) for row in rows]


def _resident_mb() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:  # no such file system: the most so far is the best there is
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
