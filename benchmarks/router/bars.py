"""Bars of the router: must, goal and beyond of every figure, for the one model that is trained with the defaults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.bars import Bar, Level

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
