"""Owns the divergence: what two runs differ in, the first cause first.

A divergence is the least event in causal order whose parents all match and which itself differs. `scenarios.matching`
says which rows are the same event, `scenarios.verdict` which class of difference there is between two such rows,
`scenarios.descent` which of them follow from others, and `scenarios.ordering` when another order is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from scenarios.changes import ABSENT, Change
from scenarios.descent import Cause, find_causes
from scenarios.glance import Glance, body_of
from scenarios.lineage import Lineage, Link, agent_of
from scenarios.matching import Matching
from scenarios.names import Names
from scenarios.ordering import Ordering, find_order
from scenarios.track import Track, look
from scenarios.verdict import TOLERANCE, Judge, Kind

#: So many first causes, changes of one row, and moved rows are told, at most; all are counted.
MOST: Final = 20
#: Keys that are told before others of the same row: what people look for.
_FIRST: Final = ("chosen", "abstained")


@dataclass(frozen=True, slots=True)
class Side:
    """Where an event stands in one run.

    Attributes:
        row: sequence in the journal, or line in the file.
        id: of the envelope.
    """

    row: int
    id: str

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"row": self.row, "id": self.id}


@dataclass(frozen=True, slots=True)
class Divergence:
    """A first cause.

    Attributes:
        kind: its class.
        task: that it is about; empty for one about the run.
        topic: of the recorded row, or of the actual one where none was recorded.
        recorded, actual: where it stands in either run; None where it does not.
        changes: places in the row where the two differ, with both values.
        upstream: what led to it, the nearest first, back to the submission.
        agent: whom the row speaks of, or else the nearest one upstream; empty where there is none.
        below: how many differences follow from it.
    """

    kind: Kind
    task: str
    topic: str
    recorded: Side | None
    actual: Side | None
    changes: tuple[Change, ...]
    upstream: tuple[Link, ...]
    agent: str
    below: int

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "class": self.kind,
            "task": self.task,
            "topic": self.topic,
            "recorded": None if self.recorded is None else self.recorded.to_json(),
            "actual": None if self.actual is None else self.actual.to_json(),
            "changes": [change.to_json() for change in self.changes],
            "upstream": [link.to_json() for link in self.upstream],
            "agent": self.agent,
            "below": self.below,
        }


@dataclass(frozen=True, slots=True)
class Moved:
    """A row that stands elsewhere in the actual run, with nothing to come of it."""

    task: str
    topic: str
    recorded: Side
    actual: Side

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        sides = {"recorded": self.recorded.to_json(), "actual": self.actual.to_json()}
        return {"task": self.task, "topic": self.topic, **sides}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two runs differ in.

    Attributes:
        recorded, actual: what they are called.
        rows: how many each has.
        divergences: first causes, `environment` before all others; the first `most` of each class.
        counts: how many first causes there are, by class.
        below: how many differences follow from those.
        moved: the first rows that stand elsewhere, with nothing to come of it.
        moved_rows: how many there are of them.
    """

    recorded: str
    actual: str
    rows: tuple[int, int]
    divergences: tuple[Divergence, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    below: int = 0
    moved: tuple[Moved, ...] = ()
    moved_rows: int = 0

    @property
    def same(self) -> bool:
        """Whether nothing differs; rows that commute may stand in another order."""
        return not self.counts

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "same": self.same,
            "recorded": {"name": self.recorded, "rows": self.rows[0]},
            "actual": {"name": self.actual, "rows": self.rows[1]},
            "divergences": [one.to_json() for one in self.divergences],
            "counts": dict(self.counts),
            "below": self.below,
            "moved": [one.to_json() for one in self.moved],
            "moved_rows": self.moved_rows,
        }


def compare(
    recorded: Track,
    actual: Track,
    *,
    tolerance: float = TOLERANCE,
    timing: float | None = None,
    most: int = MOST,
    origins: tuple[str, str] = ("", ""),
) -> Comparison:
    """Return what two runs differ in, the first cause first.

    Args:
        recorded: the run as it was.
        actual: the run as it is now.
        tolerance: by how much a score may move and be the same.
        timing: seconds by which a row may be earlier or later, counted from the first row on; None looks at no times.
        most: so many first causes of each class are told, and so many moved rows; all are counted.
        origins: runs that either was forked from, whose name its keys of effects have; empty for its own.

    Raises:
        PointsmanError: if either cannot be read, or holds what is no row.
    """
    matching = Matching(recorded, actual, Judge(Names(recorded.run, actual.run, origins), tolerance, timing))
    order = find_order(matching)
    for at in order.conflicts:
        matching.found.setdefault(at, "reordered")
    causes = sorted(find_causes(matching), key=lambda cause: cause.kind != "environment")
    told: Counter[str] = Counter()
    telling = _Telling(matching, order)
    divergences = []
    for cause in causes:
        told[cause.kind] += 1
        if told[cause.kind] <= most:
            divergences.append(telling.tell(cause))
    moved = [at for at in order.moved if at not in order.conflicts]
    return Comparison(
        recorded.name,
        actual.name,
        (len(matching.partners), matching.rows),
        tuple(divergences),
        dict(told),
        sum(cause.below for cause in causes),
        tuple(telling.tell_moved(at) for at in moved[:most]),
        len(moved),
    )


class _Telling:
    """Reads again what is told of a divergence: the rows themselves, and what led to them."""

    def __init__(self, matching: Matching, order: Ordering) -> None:
        self._matching, self._order = matching, order
        self._recorded = Lineage(matching.recorded, len(matching.partners))
        self._actual = Lineage(matching.actual, matching.rows)

    def tell(self, cause: Cause) -> Divergence:
        """Return a first cause with all that is known of it."""
        recorded, actual = self._row(cause.recorded), self._row(cause.actual, mine=False)
        row = recorded or actual
        if row is None:
            raise AssertionError("a cause stands in one of the runs")
        upstream = (
            self._recorded.of(recorded, cause.recorded) if recorded is not None else self._actual.of(row, cause.actual)
        )
        named = (agent_of(row), *(link.agent for link in upstream if link.task == _text(row.task)))
        return Divergence(
            cause.kind,
            _text(row.task),
            _text(row.topic),
            None if recorded is None else self._side(recorded, cause.recorded),
            None if actual is None else self._side(actual, cause.actual, mine=False),
            tuple(islice(self._changes(cause, recorded, actual), MOST)),
            upstream,
            next(filter(None, named), ""),
            cause.below,
        )

    def tell_moved(self, at: int) -> Moved:
        """Return a row that stands elsewhere."""
        other = self._matching.partners[at]
        recorded, actual = self._row(at), self._row(other, mine=False)
        if recorded is None or actual is None:
            raise AssertionError("a row that moved stands in both runs")
        sides = self._side(recorded, at), self._side(actual, other, mine=False)
        return Moved(_text(recorded.task), _text(recorded.topic), *sides)

    def _changes(self, cause: Cause, recorded: Glance | None, actual: Glance | None) -> list[Change]:
        if recorded is None or actual is None:
            sides = (ABSENT if row is None else body_of(row) for row in (recorded, actual))
            return [Change(("body",), *sides)]
        if cause.recorded in self._order.conflicts and cause.kind == "reordered":
            return [self._turned(cause)]
        same_cause = self._matching.same_cause(recorded, actual)
        found = list(self._matching.judge.changes(recorded, actual, same_cause=same_cause))
        if cause.kind == "timing":
            found.append(Change(("at",), float(recorded.at), float(actual.at)))
        return sorted(found, key=lambda change: change.path[-1] not in _FIRST)

    def _turned(self, cause: Cause) -> Change:
        """Return the change of a row that stood before another one, and is now after it."""
        other = self._row(self._order.conflicts[cause.recorded])
        what = "" if other is None else f"{_text(other.topic)} of {_text(other.task) or 'the run'}"
        return Change((), f"before {what}", f"after {what}")

    def _row(self, at: int, *, mine: bool = True) -> Glance | None:
        track = self._matching.recorded if mine else self._matching.actual
        return look(track, at, track.row(at)) if at >= 0 else None

    def _side(self, row: Glance, at: int, *, mine: bool = True) -> Side:
        track = self._matching.recorded if mine else self._matching.actual
        return Side(track.place(at), _text(row.id))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
