"""Bars: what a figure must reach, and whether it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["must", "goal", "beyond"]


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure, and how large it may be, or how large it must be.

    Attributes:
        figure: name of the figure.
        limit: it may be this large.
        level: a `must` decides the exit code of `--check`; a `goal` and a `beyond` are reported.
        needs_peers: whether it can be judged only beside the figures of the peers.
        at_least: whether more is better, so that the figure must reach the limit.
    """

    figure: str
    limit: float
    level: Level = "must"
    needs_peers: bool = False
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bar and the figure that was measured; None where it was not, which is a failure and not a pass."""

    bar: Bar
    value: float | None

    @property
    def passed(self) -> bool:
        """Whether the figure was measured and keeps to the limit."""
        if self.value is None:
            return False
        return self.value >= self.bar.limit if self.bar.at_least else self.value <= self.bar.limit


BARS: Final = (
    Bar("publish: times bare asyncio", 6.0),
    Bar("fan_out: times bare asyncio", 4.0),
    Bar("request: times bare asyncio", 3.0),
    Bar("graph: times bare asyncio", 4.0),
    Bar("publish 1k to 1M: dearest by cheapest", 1.2),
    Bar("import orchestrator: CPU s", 0.3),
    Bar("import orchestrator: torch modules", 0),
    Bar("full path: times autogen-core's bare path", 2.0, needs_peers=True),
    Bar("full path: times autogen-core's bare path", 1.0, "goal", needs_peers=True),
    Bar("full path: times autogen-core's bare path", 0.5, "beyond", needs_peers=True),
)


def judge(figures: Mapping[str, float], *, peers: bool, bars: Sequence[Bar] = BARS) -> list[Verdict]:
    """Hold the figures against the bars; those that need peers are left out where there are none."""
    return [Verdict(bar, figures.get(bar.figure)) for bar in bars if peers or not bar.needs_peers]


def musts_missed(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the musts that were missed or not measured."""
    return [verdict for verdict in verdicts if verdict.bar.level == "must" and not verdict.passed]
