"""The campaign: run after run, each killed again and again until it is done, until enough were killed."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.chaos.cast import Build
from benchmarks.chaos.crash_points import CRASH_POINTS
from benchmarks.chaos.life import Doom, live
from benchmarks.chaos.verdict import Verdict, judge_run

_LONGEST_S: Final = 0.5
_MOST_LIVES: Final = 25  # then a run may end in peace, so that complete runs are what is judged


@dataclass(slots=True)
class Campaign:
    """What a campaign has come to.

    Attributes:
        kills: processes killed, by crash point; "" for those killed at a random moment.
        verdicts: of the runs, all of them complete.
    """

    kills: Counter[str] = field(default_factory=Counter)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def missed(self) -> tuple[str, ...]:
        """Crash points at which nobody was killed."""
        return tuple(name for name in CRASH_POINTS if not self.kills[name])

    @property
    def lost(self) -> int:
        """Tasks lost in all runs."""
        return sum(verdict.lost for verdict in self.verdicts)

    @property
    def twice(self) -> int:
        """Effects done twice in all runs."""
        return sum(verdict.twice for verdict in self.verdicts)

    @property
    def burnt(self) -> int:
        """Attempts without an outcome that were counted, in all runs; a kill burns one of each task in flight."""
        return sum(verdict.burnt for verdict in self.verdicts)

    @property
    def faults(self) -> list[str]:
        """What journals show that must not be."""
        return [fault for verdict in self.verdicts for fault in verdict.faults]

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, nothing done twice, and every journal is in order."""
        return not (self.lost or self.twice or self.faults)


def fight(
    kills: int,
    tasks: int,
    seed: int,
    build: Build = "sound",
    *,
    politely: bool = False,
    tell: Callable[[Campaign], None] = lambda _: None,
) -> Campaign:
    """Kill processes until so many are dead, and judge the runs that they worked on.

    Every second kill is at a random moment, the others at the crash points by turns, each for the n-th time that the
    process comes there.

    Args:
        kills: how many.
        tasks: of each run.
        seed: of plans and kills.
        build: the product as it is, or broken on purpose.
        politely: whether to ask by SIGTERM, always at a random moment, instead.
        tell: hears of each kill and each run that is done.
    """
    campaign = Campaign()
    draw = random.Random(seed)
    dooms = _requests(draw) if politely else _dooms(draw)
    while campaign.kills.total() < kills:
        with tempfile.TemporaryDirectory(prefix="pointsman-chaos-") as name:
            _fight_for_one(Path(name), kills, tasks, draw.randrange(1 << 30), build, campaign, dooms, tell)
            campaign.verdicts.append(judge_run(Path(name), tasks))
        tell(campaign)
    return campaign


def _fight_for_one(
    folder: Path,
    kills: int,
    tasks: int,
    seed: int,
    build: Build,
    campaign: Campaign,
    dooms: Iterator[Doom],
    tell: Callable[[Campaign], None],
) -> None:
    """Begin a run and resume it until it is done."""
    for _ in range(_MOST_LIVES):
        if campaign.kills.total() >= kills:
            break
        doom = next(dooms)
        if live(folder, tasks, seed, build, doom):
            return
        campaign.kills[doom.point] += 1
        tell(campaign)
    live(folder, tasks, seed, build, Doom())


def _dooms(draw: random.Random) -> Iterator[Doom]:
    while True:
        for point in draw.sample(list(CRASH_POINTS), len(CRASH_POINTS)):
            yield Doom(after_s=draw.uniform(0.001, _LONGEST_S))
            often = 1 if point.startswith(("a run", "a plan", "a resumed")) else draw.randint(1, 60)
            yield Doom(point, often)


def _requests(draw: random.Random) -> Iterator[Doom]:
    while True:
        yield Doom(after_s=draw.uniform(0.001, _LONGEST_S), politely=True)
