"""Row: one line of the router's table of figures, as the modules of this folder hand it over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one experiment on one set.

    Attributes:
        name: the experiment: `accuracy`, `feedback`, ...
        set: the data set, such as `banking77 full`.
        values: the mean over seeds of each figure, by its name.
        seeds: how many seeds the mean is of.
        spread: standard deviation over the seeds, by figure; empty for one seed.
        command: what to run to see the figures again.
    """

    name: str
    set: str
    values: Mapping[str, float]
    seeds: int
    spread: Mapping[str, float]
    command: str
