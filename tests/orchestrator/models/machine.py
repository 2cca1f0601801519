"""What the machines share: a loop in virtual time, what is to be undone, and an end that hides no error."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from orchestrator.clock import VirtualTimeLoop

T = TypeVar("T")
STEPS = 50


class Machine(RuleBasedStateMachine):
    """Drives coroutines step by step; `finish` is called at the end of a run without a difference."""

    def __init__(self) -> None:
        super().__init__()
        self.undo = ExitStack()
        self.loop = VirtualTimeLoop()
        self.undo.callback(self._shut)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something to its end."""
        return self.loop.run_until_complete(work)

    def finish(self) -> None:
        """Check what can be checked at the end alone."""

    def teardown(self) -> None:
        with self.undo:
            if sys.exception() is None:
                self.finish()

    def _shut(self) -> None:
        """Cancel whatever a run that was cut short has left, and close the loop."""
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.do(asyncio.wait(left))
        for task in left:
            if not task.cancelled():
                task.exception()  # retrieved: what matters has been raised already
        self.loop.close()


def check(machine: type[Machine], runs: int, *, number: int | None = None, shrink: bool = True) -> int:
    """Let a machine look for a difference; return how many runs it did.

    Args:
        machine: which.
        runs: of fifty steps each.
        number: seed; None takes the same examples every time.
        shrink: whether to look for the shortest way to a difference.

    Raises:
        AssertionError: if it found one.
    """
    done = 0

    def finish(self: Machine) -> None:
        nonlocal done
        machine.finish(self)
        done += 1

    counting = type(machine.__name__, (machine,), {"finish": finish})
    run_state_machine_as_test(
        counting if number is None else seed(number)(counting),
        settings=hypothesis_settings(
            max_examples=runs,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=number is None,
            phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return done
