"""Bars of the router: must, goal and beyond of every figure, for the one model that is trained with the defaults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.bars import Bar, Level

#: What other commands measure: the figure, must / goal / beyond, the command.
ELSEWHERE: Final = (
    (
        "error budget of 5%, wrong",
        "within its 95% interval",
        "python -m benchmarks.router.error_budget",
    ),
    (
        "57 + 20 agents: new, old, all; stolen",
        "62, 90, 83; 2.0 / 72, 91, 86; 1.5 / 77, 94, 89.7",
        "python -m benchmarks.router.new_agents --seeds 0 1 2",
    ),
    (
        "toole: description only, + 10 examples",
        "47.6, 72.2 / 55, 76.6 / 60.7, 80",
        "python -m benchmarks.router.tools --seeds 0 1 2",
    ),
    (
        "feedback, gap closed: true thumbs, 10% flipped",
        "58, 40 / 77, 54 / 85, 60",
        "python -m benchmarks.router.feedback --seeds 0 1 2",
    ),
    (
        "off-policy: mean error, right orders of 10, bad promotions of 100",
        "2, 10, 2 / 1.5, 10, 0 / 1, 10, 0",
        "python -m benchmarks.router.off_policy",
    ),
    (
        "without the top word the decision changes",
        "35 / 45 / every counterfactual",
        "python -m benchmarks.router.reasons --model M --data FILE",
    ),
    ("10 typos in 100 words, points lost", "4 / 2 / 1", "python -m benchmarks.router.typos --model M --data FILE"),
    ("10,000 agents, ms a decision", "1", "python -m benchmarks.router.many_agents"),
)

LEVELS: Final[tuple[Level, ...]] = ("must", "goal", "beyond")

#: Figures that must be at least as large: must, goal, beyond. Accuracies and shares in percent.
_AT_LEAST: Final = {
    "accuracy, banking77 full": (91.5, 92.5, 93.3),
    "accuracy, clinc150 full": (93.0, 94.5, 95.4),
    "accuracy, banking77 train_10": (75, 79.5, 86),
    "accuracy, clinc150 train_10": (82.5, 85, 90),
    "auroc, clinc150 full": (0.955, 0.969, 0.972),
    "in_scope_at_95_recall, clinc150 full": (80, 84, 87),
}
#: Figures that may be at most as large.
_AT_MOST: Final = {
    "ece, clinc150 full": (0.02, 0.015, 0.01),
    "p50_us, banking77 full": (50, 30, 20),
    "p99_us, banking77 full": (250, 150, 100),
    "load_s, banking77 full": (0.2, 0.1, 0.05),
    "file_mb, banking77 full": (12, 8, 4),
    "rss_mb, banking77 full": (80, 60, 40),
    "train_wall_s, banking77 full": (180, 60, 20),
}


def _bars() -> Iterator[Bar]:
    for table, at_least in ((_AT_LEAST, True), (_AT_MOST, False)):
        for figure, limits in table.items():
            for level, limit in zip(LEVELS, limits, strict=True):
                yield Bar(figure, limit, level, at_least=at_least)


ROUTER_BARS: Final = tuple(_bars())
