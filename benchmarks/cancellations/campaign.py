"""The campaign: wave after wave of runs until enough was cancelled, and a look at what is left after each."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import threading
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.cancellations.leftovers import Leftovers, count, locked, settled
from benchmarks.cancellations.lives import End, Ground, Life, begun, finish, live
from benchmarks.http_cancellations import SLOTS, serving
from orchestrator import HttpClient, HttpError, HttpPolicy, Retry, Settings

#: Runs at the same time.
WAVE: Final = 8
ENDS: Final[tuple[End, ...]] = ("cancel", "cancel", "leave", "finish")


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is done.

    Attributes:
        cancellations: that reach something, at least.
        in_sqlite: share of the runs with a journal in SQLite.
        isolated: share of the waves that hold one run with isolated handlers: a process takes half a second to start.
        goes_on: whether cancelled runs are resumed, and ten more are made at the end.
    """

    cancellations: int = 10_000
    in_sqlite: float = 0.3
    isolated: float = 0.1
    goes_on: bool = True


@dataclass(slots=True)
class Found:
    """What a campaign found; `left` is the worst of all looks."""

    runs: int = 0
    cancelled: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    unheard: list[str] = field(default_factory=list)
    left: Leftovers = field(default_factory=Leftovers)
    good: int = 0
    answered: int = 0

    def problems(self) -> list[str]:
        """Return what is wrong, in words; nothing if all is as it should be."""
        left = [f"left behind: {self.left}"] if any(self.left) else []
        after = (
            [f"afterwards {self.good} runs, {self.answered} requests of 10"] if self.good + self.answered < 20 else []
        )
        return self.wrong + [f"never retrieved: {text}" for text in self.unheard] + left + after


def campaign(folder: Path, extent: Extent, seed: int) -> Found:
    """Cancel at random until it was often enough.

    Args:
        folder: for journals.
        extent: how much.
        seed: of every draw; what threads and processes do in between is their own.
    """
    found = Found()
    threads = threading.active_count()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(_campaign(found, folder, extent, seed))
        gc.collect()
    found.unheard += [str(warning.message) for warning in caught]
    more = threading.active_count() - threads  # the loop's own pool is closed by now
    found.left = found.left.worst(Leftovers(threads=more))
    return found


async def _campaign(found: Found, folder: Path, extent: Extent, seed: int) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.unheard.append(str(context)))
    policy = HttpPolicy(timeout_s=0.5, connections=SLOTS, retry=Retry(max_attempts=1))
    async with serving() as url, HttpClient(allow=["127.0.0.1"], policy=policy) as client:
        await client.get(f"{url}/")  # what is made once is made by now
        ground = Ground(client, url, random.Random(seed), found.cancelled, found.wrong)
        before = count(client)
        while sum(found.cancelled.values()) < extent.cancellations:
            lives = _draw(ground.rng, found.runs, folder, extent)
            async with asyncio.TaskGroup() as wave:
                for life in lives:
                    wave.create_task(live(ground, life))
            found.runs += len(lives)
            await _look(found, ground, lives, before)
            if extent.goes_on:
                await _go_on(ground, lives)
        if extent.goes_on:
            await _see_that_all_works(found, ground, folder, extent)
        await _look(found, ground, [], before)


def _draw(rng: random.Random, number: int, folder: Path, extent: Extent) -> list[Life]:
    """Return the lives of a wave."""
    apart = rng.random() < extent.isolated
    lives = []
    for at in range(WAVE):
        in_memory, end = rng.random() >= extent.in_sqlite, rng.choice(ENDS)
        lives.append(Life(f"r{number + at}", _settings(folder, rng), in_memory, apart and not at, end))
    return lives


def _settings(folder: Path, rng: random.Random) -> Settings:
    drain_s = rng.choice((0.0, 0.01))
    return Settings(log_format="off", journal=folder / "journal.db", answers_every_s=0.01, drain_s=drain_s, capacity=16)


async def _look(found: Found, ground: Ground, lives: list[Life], before: Leftovers) -> None:
    """Wait until all is quiet, and note what is left."""
    left = await settled(ground.client, before)
    locks = sum(locked(life.settings.journal, life.run) for life in lives if not life.in_memory)
    found.left = found.left.worst(left._replace(locks=locks))
    if any(left) or locks:
        found.wrong.append(f"after {[(life.run, life.end) for life in lives]}: {left}, {locks} locks")


async def _go_on(ground: Ground, lives: list[Life]) -> None:
    """Resume one of the cancelled runs of a wave: nothing that was on record may be lost."""
    for life in lives:
        if life.end != "finish" and not life.in_memory and not life.isolated and begun(life):
            await finish(ground, life, resumed=True)
            return


async def _see_that_all_works(found: Found, ground: Ground, folder: Path, extent: Extent) -> None:
    wrong = len(found.wrong)
    for number in range(10):
        isolated = extent.isolated > 0 and number == 9
        await finish(
            ground, Life(f"after-{number}", _settings(folder, ground.rng), bool(number % 2), isolated, "finish")
        )
        found.good += len(found.wrong) == wrong
        wrong = len(found.wrong)
    for _ in range(10):
        with contextlib.suppress(HttpError):
            found.answered += (await ground.client.get(f"{ground.url}/")).status == 200
