"""The prune view: what pruning did, for people, and how they say an age."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orchestrator.cli.console import cell, moment, note, show, table
from orchestrator.errors import PointsmanError

if TYPE_CHECKING:
    from orchestrator.journal import Pruned

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_IS_AGE: Final = re.compile(r"(\d{1,6})([smhdw])").fullmatch
_MB: Final = 1_000_000


def seconds_of(age: str) -> float:
    """Return the seconds of an age such as `30d`.

    Raises:
        PointsmanError: if it is none.
    """
    found = _IS_AGE(age)
    if found is None:
        raise PointsmanError(f"{age!r} is no age; write a number and one of s, m, h, d, w, for example 30d")
    return float(found[1]) * _SECONDS[found[2]]


def show_pruned(path: Path, outcome: Pruned, *, dry: bool) -> None:
    """Print which runs went, which stayed and why, and what the file lost."""
    rows = [(one.run, moment(one.last_at), one.rows, cell("goes" if dry else "gone")) for one in outcome.gone]
    rows += [(one.run, moment(one.last_at), one.rows, cell(f"stays: {one.obstacle}", "yellow")) for one in outcome.kept]
    if rows:
        show(table(("run", "last row (UTC)", ">rows", ""), rows))
    if not outcome.gone:
        show("nothing to prune")
        return
    shrunk = f", {outcome.bytes_before / _MB:.1f} MB before, {outcome.bytes_after / _MB:.1f} MB now"
    what = f"{len(outcome.gone)} runs of {outcome.rows} rows"
    show(cell(f"would remove {what}" if dry else f"removed {what} from {path}{shrunk}"))
    if outcome.unshrunk:
        note(f"the file keeps its size for now: {outcome.unshrunk}")
