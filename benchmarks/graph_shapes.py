"""The shapes of big graphs: a deep chain, a wide fan out and in again, and a random one; and a cycle of all."""

from __future__ import annotations

import random
from typing import Final, Literal

from orchestrator.messages import Task

Shape = Literal["chain", "fan", "random", "cycle"]
SHAPES: Final[tuple[Shape, ...]] = ("chain", "fan", "random")

REQUEST: Final = "please do this task"


def make_tasks(shape: Shape, size: int, agent: str = "") -> tuple[Task, ...]:
    """Return `size` tasks (3 at least), pinned to an agent if one is given.

    `chain`: each waits for the one before. `fan`: all but two wait for the first, and the last waits for all of these,
    about two dependencies a task. `random`: each waits for two of those before. `cycle`: each waits for the next, and
    the last for the first.
    """
    return tuple(
        Task(_name(index), REQUEST, after=after, agent=agent) for index, after in enumerate(_edges(shape, size))
    )


def _edges(shape: Shape, size: int) -> list[tuple[str, ...]]:
    if shape == "chain":
        return [(_name(index - 1),) if index else () for index in range(size)]
    if shape == "fan":
        middle = tuple(_name(index) for index in range(1, size - 1))
        return [(), *([(_name(0),)] * len(middle)), middle]
    if shape == "cycle":
        return [(_name((index + 1) % size),) for index in range(size)]
    rng = random.Random(0)
    return [
        tuple(_name(before) for before in {*rng.choices(range(index), k=2)}) if index else () for index in range(size)
    ]


def _name(index: int) -> str:
    return f"t{index}"
