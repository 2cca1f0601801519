"""The series: a scenario run several times, under other seeds and in other interleavings, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import comb
from typing import Final, Literal

from pydantic import Field

from orchestrator.interleaving import USUAL, Interleaving, shrink
from scenarios.entry import Entry


class Runs(Entry):
    """How often a scenario is run, and how often it has to pass."""

    repeat: int = Field(default=1, ge=1, le=1000, description="runs with the seeds SEED, SEED + 1, ...")
    schedules: int = Field(default=0, ge=0, le=10_000, description="runs in seeded interleavings beside these")
    require: Literal["all"] | int = Field(default="all", description="how many have to pass")

    @property
    def total(self) -> int:
        """How many runs that are."""
        return self.repeat + self.schedules

    @property
    def required(self) -> int:
        """How many of them have to pass."""
        return self.total if self.require == "all" else min(self.require, self.total)


#: What runs once.
ONCE: Final = Runs()


@dataclass(frozen=True, slots=True)
class Try:
    """One run of a series.

    Attributes:
        seed: of the scenario.
        interleaving: in which it was run.
    """

    seed: int
    interleaving: Interleaving = USUAL

    def __str__(self) -> str:
        """Return the options that repeat it."""
        late = "" if self.interleaving == USUAL else f" --interleaving {self.interleaving}"
        return f"--seed {self.seed}{late}"


@dataclass(frozen=True, slots=True)
class Series:
    """What came of several runs.

    Attributes:
        passed: how many passed.
        total: of how many.
        required: how many had to.
        failing: the first one that failed, its interleaving shrunk; None where none did.
        found: the same as it was found, with the seed of its interleaving.
    """

    passed: int
    total: int
    required: int
    failing: Try | None = None
    found: Try | None = None

    @property
    def flaky(self) -> bool:
        """Whether some passed and others did not."""
        return 0 < self.passed < self.total

    def all_of(self, count: int) -> float:
        """Return pass^k: the probability that so many runs drawn from these all passed.

        Source: Yao et al., tau-bench, 2024.
        """
        return comb(self.passed, count) / comb(self.total, count)

    def __str__(self) -> str:
        """Say it in words."""
        words = f"{self.passed} of {self.total} runs passed"
        if not self.flaky:
            return words
        chances = ", ".join(f"pass^{count} {self.all_of(count):.2f}" for count in (1, 2, 5) if count <= self.total)
        return f"flaky: {words} ({chances})"


def run_series(runs: Runs, seed: int, passes: Callable[[Try], bool], held: Callable[[Try], frozenset[int]]) -> Series:
    """Run all of them; shrink the interleaving of the first that fails.

    Args:
        runs: how many.
        seed: the scenario's own.
        passes: runs the scenario once.
        held: runs it once and returns at which choices somebody was held back.
    """
    tries = [Try(seed + number) for number in range(runs.repeat)]
    tries += [Try(seed, Interleaving(number)) for number in range(runs.schedules)]
    failed = [one for one in tries if not passes(one)]
    passed = len(tries) - len(failed)
    if not failed:
        return Series(passed, len(tries), runs.required)
    first = failed[0]
    return Series(passed, len(tries), runs.required, _least(first, passes, held), first)


def _least(found: Try, passes: Callable[[Try], bool], held: Callable[[Try], frozenset[int]]) -> Try:
    """Return the same failure with the fewest deviations."""
    if found.interleaving == USUAL:
        return found
    least = shrink(held(found), lambda interleaving: not passes(replace(found, interleaving=interleaving)))
    return replace(found, interleaving=Interleaving(None, least))
