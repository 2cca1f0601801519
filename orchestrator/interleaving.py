"""The interleaving: another order in which the asyncio.Tasks of a run take their steps, drawn from a seed or stated.

An event loop takes steps in the order in which they became possible. A program must not rely on that, and one that
does has a race. So an asyncio.Task that could take a step may be held back: from then on it takes one only when
nothing else can happen at that moment. Where a race needs d of them to be late, d such deviations show it (depth of a
bug: Burckhardt et al., A randomized scheduler with probabilistic guarantees, 2010). A step may always be late;
callbacks that are no steps keep their order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from orchestrator.clock import VirtualTimeLoop, seeded_random

T = TypeVar("T")
#: Shares of choices that deviate, by seed: few deviations reach deep, many mix what is close.
_SHARES: Final = (0.005, 0.03, 0.1, 0.3)
_HOLD: Final = "hold:"


@dataclass(frozen=True, slots=True)
class Interleaving:
    """Which steps are held back.

    Attributes:
        seed: draws them; None draws none.
        holds: numbers of choices, from 0, at which whoever could take a step is held back.
    """

    seed: int | None = None
    holds: frozenset[int] = frozenset()

    def __str__(self) -> str:
        """Return it as `parse_interleaving` reads it."""
        if self.seed is not None:
            return str(self.seed)
        return _HOLD + ",".join(map(str, sorted(self.holds)))


#: Nobody is late.
USUAL: Final = Interleaving()


def parse_interleaving(text: str) -> Interleaving:
    """Return the interleaving of a text: a seed such as `17`, or choices such as `hold:12,40`.

    Raises:
        ValueError: if it is neither.
    """
    if not text.startswith(_HOLD):
        return Interleaving(int(text))
    holds = frozenset(map(int, filter(None, text.removeprefix(_HOLD).split(","))))
    if holds and min(holds) < 0:
        raise ValueError(f"{text!r} has a negative number")
    return Interleaving(None, holds)


class InterleavedLoop(VirtualTimeLoop):
    """A loop in virtual time whose asyncio.Tasks take their steps in another order.

    Attributes:
        held: at which choices somebody was held back.
        choices: how many choices there were.
    """

    def __init__(self, interleaving: Interleaving) -> None:
        super().__init__()
        self._ready = _Ready(_chooser(interleaving))  # the base's own queue of what can be done now

    @property
    def held(self) -> frozenset[int]:
        """The deviations so far."""
        return frozenset(self._ready.held)

    @property
    def choices(self) -> int:
        """How many choices there were so far."""
        return self._ready.choices


class _Ready(deque[Any]):
    """A queue of handles in which the steps of some asyncio.Tasks come last."""

    def __init__(self, hold: Callable[[int], bool]) -> None:
        super().__init__()
        self._hold = hold
        self._late: dict[asyncio.Task[Any], int] = {}  # those who are held back, and since when
        self.choices = 0
        self.held: list[int] = []

    def popleft(self) -> Any:
        """Take the next handle."""
        place = 0
        while place < len(self):
            task = _task_of(self[place])
            if task is None or (task not in self._late and not self._holds_back(task)):
                return self._take(place)
            place += 1
        if not self:
            return super().popleft()  # raises, as it should
        return self._take(min(range(len(self)), key=lambda place: self._late[_task_of(self[place])]))  # type: ignore[index]

    def _holds_back(self, task: asyncio.Task[Any]) -> bool:
        if len(self) < 2:
            return False
        choice, self.choices = self.choices, self.choices + 1
        if not self._hold(choice):
            return False
        self.held.append(choice)
        self._late[task] = choice
        return True

    def _take(self, place: int) -> Any:
        handle = self[place]
        del self[place]
        return handle


def _task_of(handle: Any) -> asyncio.Task[Any] | None:
    """Return whose step it is; None for another callback."""
    owner = getattr(handle._callback, "__self__", None)  # noqa: SLF001 - a handle says it in no other way
    return owner if isinstance(owner, asyncio.Task) else None


def _chooser(interleaving: Interleaving) -> Callable[[int], bool]:
    if interleaving.seed is None:
        return interleaving.holds.__contains__
    chance = seeded_random(interleaving.seed, "interleaving")
    share = _SHARES[interleaving.seed % len(_SHARES)]
    return lambda _choice: chance.random() < share


def run_interleaved(main: Coroutine[Any, Any, T], interleaving: Interleaving) -> tuple[T, frozenset[int]]:
    """Run a coroutine to its end in virtual time; return its result and at which choices somebody was held back."""
    with asyncio.Runner(loop_factory=lambda: InterleavedLoop(interleaving)) as runner:
        result = runner.run(main)
        loop = runner.get_loop()
        return result, loop.held if isinstance(loop, InterleavedLoop) else frozenset()


def shrink(holds: Collection[int], fails: Callable[[Interleaving], bool], *, most: int = 300) -> frozenset[int]:
    """Return the fewest of these deviations with which a run still fails, as far as so many tries show.

    Delta debugging (Zeller and Hildebrandt, Simplifying and isolating failure-inducing input, 2002): halves are left
    out first, then smaller parts, until nothing can be left out by itself; then each choice is tried alone.

    Args:
        holds: with which it fails.
        fails: runs it.
        most: tries.
    """
    left = most

    def still_fails(kept: list[int]) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and fails(Interleaving(None, frozenset(kept)))

    kept = sorted(holds)
    size = len(kept)
    while size >= 1:
        parts = (kept[:begin] + kept[begin + size :] for begin in range(0, len(kept), size))
        fewer = next((part for part in parts if still_fails(part)), None)
        if fewer is None:
            size //= 2
        else:
            kept, size = fewer, min(size, len(fewer))
    if len(kept) > 1:  # numbers mean other choices once one is left out: most races need one, wherever that is
        kept = next(([one] for one in range(kept[-1] + 1) if still_fails([one])), kept)
    return frozenset(kept)
