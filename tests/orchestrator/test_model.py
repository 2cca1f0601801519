"""A run, the owners of runs and the bus against models of them; `make model` does this with thousands of runs."""

from __future__ import annotations

import pytest

from orchestrator.errors import PointsmanError
from tests.orchestrator.models import mutants
from tests.orchestrator.models.buses import BusMachine
from tests.orchestrator.models.machine import Machine, check
from tests.orchestrator.models.owners import OwnerMachine
from tests.orchestrator.models.runs import RunMachine


@pytest.mark.parametrize(("machine", "runs"), [(RunMachine, 8), (OwnerMachine, 8), (BusMachine, 12)])
def test_what_is_done_agrees_with_its_model_whatever_happens(machine: type[Machine], runs: int) -> None:
    """Tasks, stops, crashes after any row, take-overs; claims, beats and refused writes; who hears what on the bus."""
    check(machine, runs)


@pytest.mark.parametrize(
    ("machine", "plant"),
    [
        (RunMachine, mutants.an_unlock_is_forgotten),
        (RunMachine, mutants.an_attempt_is_counted_after_it),
        (RunMachine, mutants.a_finished_task_is_run_again),
        (RunMachine, mutants.receipts_are_forgotten_on_resuming),
        (RunMachine, mutants.the_fence_is_not_checked),
        (OwnerMachine, mutants.the_fence_is_not_checked),
        (OwnerMachine, mutants.rows_are_safe_before_they_are),
        (BusMachine, mutants.a_delivery_is_dropped),
        (BusMachine, mutants.a_cancelled_publisher_does_not_withdraw),
    ],
)
def test_a_planted_fault_is_found(
    machine: type[Machine], plant: mutants.Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machines can fail, and do so soon; that of a fence when a thread commits at the right moment."""
    plant(monkeypatch)
    with pytest.raises((AssertionError, PointsmanError)):
        check(machine, 80, shrink=False)
