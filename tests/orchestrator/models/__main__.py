"""`python -m tests.orchestrator.models`: thousands of random runs of each model, and its mutants; 1 if any differs."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Final, NamedTuple

import pytest
from rich.console import Console
from rich.table import Table

from orchestrator.errors import PointsmanError
from tests.orchestrator.models import mutants
from tests.orchestrator.models.buses import BusMachine
from tests.orchestrator.models.machine import STEPS, Machine, check
from tests.orchestrator.models.owners import OwnerMachine
from tests.orchestrator.models.runs import RunMachine

MACHINES: Final[dict[str, tuple[type[Machine], tuple[mutants.Mutant, ...]]]] = {
    "runs": (RunMachine, mutants.OF_RUNS),
    "owners": (OwnerMachine, mutants.OF_OWNERS),
    "buses": (BusMachine, mutants.OF_BUSES),
}
#: Runs with one seed; and at most so many to find a mutant.
PART: Final = 50
MUTANT: Final = 100


class Outcome(NamedTuple):
    """What became of some runs of one machine: how many, the seconds of CPU, and the difference, if there was one."""

    machine: str
    seed: int
    runs: int
    cpu_s: float
    difference: str = ""


def play(machine: str, number: int, runs: int) -> Outcome:
    """Let a machine do some runs, and look for the shortest way to a difference if there is one."""
    begun, said = time.process_time(), io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            done = check(MACHINES[machine][0], runs, number=number)
    except Exception as error:  # noqa: BLE001 - right: whatever it is, it is a difference, and is told
        told = "".join(traceback.format_exception(error)) + said.getvalue()  # the steps are among its notes
        return Outcome(machine, number, 0, time.process_time() - begun, told)
    return Outcome(machine, number, done, time.process_time() - begun)


def hunt(machine: str, mutant: str) -> tuple[str, str, bool]:
    """Say whether a machine finds a mutant."""
    kind, planted = MACHINES[machine]
    with pytest.MonkeyPatch.context() as patch:
        next(plant for plant in planted if plant.__name__ == mutant)(patch)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                check(kind, MUTANT, shrink=False)
        except (AssertionError, PointsmanError):
            return machine, mutant, True
    return machine, mutant, False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.orchestrator.models", description=__doc__)
    parser.add_argument("--runs", type=int, default=2_000, help="of each machine, of 50 steps each")
    parser.add_argument("--seed", type=int, help="the first one; drawn and printed if not given")
    parser.add_argument("--machine", action="append", choices=MACHINES, help="only this one")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--no-mutants", action="store_true", help="do without the planted faults")
    given = parser.parse_args(arguments)
    first = time.time_ns() % 1_000_000_000 if given.seed is None else given.seed
    console, names = Console(soft_wrap=True), given.machine or list(MACHINES)
    console.print(f"seed {first}; the same again with --seed {first}")
    with ProcessPoolExecutor(given.jobs) as pool:
        parts = [pool.submit(play, name, number, most) for name in names for number, most in _parts(first, given.runs)]
        outcomes = []
        for part in as_completed(parts):
            outcomes.append(part.result())
            _report(console, outcomes[-1])
        planted = (
            [] if given.no_mutants else [(name, mutant.__name__) for name in names for mutant in MACHINES[name][1]]
        )
        found = [hunted.result() for hunted in [pool.submit(hunt, *one) for one in planted]]
    console.print(_table(names, outcomes, found))
    missed = [f"{machine}: {mutant}" for machine, mutant, ok in found if not ok]
    for one in missed:
        console.print(f"mutant not found: {one}")
    return 1 if missed or any(outcome.difference for outcome in outcomes) else 0


def _parts(first: int, runs: int) -> list[tuple[int, int]]:
    return [(first + at, min(PART, runs - at * PART)) for at in range(-(-runs // PART))]


def _report(console: Console, outcome: Outcome) -> None:
    if outcome.difference:
        again = f"--machine {outcome.machine} --seed {outcome.seed} --runs {PART} --no-mutants"
        console.print(f"{outcome.machine}: a difference; again with {again}\n{outcome.difference}", markup=False)


def _table(names: Sequence[str], outcomes: Sequence[Outcome], found: Sequence[tuple[str, str, bool]]) -> Table:
    table = Table("machine", "runs", "steps", "differences", "mutants found", "seconds of CPU")
    for name in names:
        mine = [outcome for outcome in outcomes if outcome.machine == name]
        runs, hunted = sum(outcome.runs for outcome in mine), [ok for machine, _, ok in found if machine == name]
        differences = sum(bool(outcome.difference) for outcome in mine)
        cells = (runs, runs * STEPS, differences, f"{sum(hunted)} of {len(hunted)}")
        table.add_row(name, *map(str, cells), f"{sum(outcome.cpu_s for outcome in mine):.0f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
