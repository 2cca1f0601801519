"""Ancestry: the run that another one goes on from, and which of its decisions come out otherwise there."""

from __future__ import annotations

from typing import Final, NamedTuple


class Diversion(NamedTuple):
    """A decision that is replaced.

    Attributes:
        task: whose.
        nth: which of the decisions on that task, from 1.
        agent: who gets it.
    """

    task: str
    nth: int
    agent: str


class Ancestry(NamedTuple):
    """What a run has from another one.

    Attributes:
        run: whose keys of effects, chance and ids it has; empty for its own.
        diversions: decisions that are replaced.
    """

    run: str = ""
    diversions: tuple[Diversion, ...] = ()


#: Of a run that goes on from none.
OWN: Final = Ancestry()
