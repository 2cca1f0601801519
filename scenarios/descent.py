"""Owns the descent: which of the rows that differ are first causes, and which follow from one of these.

A row's parents are the row that it names as its cause, the row before it of the same task, and the ends of the tasks
that its task waited for: the last of these to end is its cause, the others handed it their results all the same. A
first cause differs, and nothing before it in this order does. What differs and comes after one is counted under the
first that leads to it, also where rows that are the same stand between: an output that changed travels through the
same rows to the task that reads it.

Only a difference that something can follow from covers others. A decision that drifted sent the task to the same agent,
which is told nothing of scores; a row that was late is the same row; what differs in the ground that a run stands on is
told first in any case. These cover later differences of their own class, and no other: a changed output is never hidden
behind a score that moved a little.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from orchestrator.topics import TASK_SUBMITTED
from scenarios.glance import Glance, body_of
from scenarios.identity import DECIDED, ENDED, slot_of
from scenarios.matching import Matching
from scenarios.track import look
from scenarios.verdict import HARD, Kind

_SUBMITTED: Final = TASK_SUBMITTED.encode()
_SUBMITTED_END: Final = b'"topic":"%b"}' % _SUBMITTED
_AFTER: Final = b'"after":['


@dataclass(slots=True)
class Cause:
    """A first cause.

    Attributes:
        kind: its class.
        recorded, actual: the row in either run, counted from 0; -1 where there is none.
        below: how many differences follow from it.
    """

    kind: Kind
    recorded: int
    actual: int
    below: int = 0


@dataclass(slots=True)
class _Marks:
    """Where one kind of difference has come to: by id in either run, by task, and by task that has ended."""

    by_id: dict[bytes, int] = field(default_factory=dict)
    by_actual_id: dict[bytes, int] = field(default_factory=dict)
    by_task: dict[bytes, int] = field(default_factory=dict)
    by_end: dict[bytes, int] = field(default_factory=dict)


def find_causes(matching: Matching) -> list[Cause]:
    """Return the first causes of two runs that differ, in the order of the recorded one.

    Raises:
        PointsmanError: if a run cannot be read any more.
    """
    if len(matching.found) + len(matching.extra) <= 1:
        found = [Cause(kind, at, matching.partners[at]) for at, kind in matching.found.items()]
        return found + [Cause(kind, -1, at) for at, kind in matching.extra.items()]
    return _Walk(matching).causes


class _Walk:
    """Goes through the rows of both runs, in an order that agrees with that of the recorded one."""

    def __init__(self, matching: Matching) -> None:
        self.causes: list[Cause] = []
        self._matching = matching
        self._ground: int | None = None
        self._hard = _Marks()
        self._soft: dict[Kind, _Marks] = {}
        self._after: dict[bytes, tuple[bytes, ...]] = {}
        extra = _places(matching)
        first = min([*matching.found, *(place for place, _ in extra)])
        for at, row in self._rows():
            while extra and extra[0][0] <= at:
                self._visit_extra(extra.pop(0)[1])
            if at >= first:
                self._visit(at, look(matching.recorded, at, row))
            elif _AFTER in row and row.endswith(_SUBMITTED_END):
                self._note(look(matching.recorded, at, row))
        for _, at in extra:
            self._visit_extra(at)

    def _rows(self) -> Iterator[tuple[int, bytes]]:
        at = 0
        for chunk in self._matching.recorded.chunks():
            yield from enumerate(chunk, start=at)
            at += len(chunk)

    def _visit(self, at: int, row: Glance) -> None:
        kind, other = self._matching.found.get(at), self._matching.partners[at]
        seen = self._actual(other) if kind is not None and other >= 0 else None
        self._go(kind, at, other, row, seen)

    def _visit_extra(self, at: int) -> None:
        self._go(self._matching.extra[at], -1, at, None, self._actual(at))

    def _go(self, kind: Kind | None, at: int, other: int, recorded: Glance | None, actual: Glance | None) -> None:
        """Let what stands before a row come to it, and say whether the row itself is a cause."""
        row = recorded or actual
        if row is None:
            return
        self._note(row)
        if kind == "environment":
            self._tell_ground(row, at, other)
            kind = None
        above = self._from(self._hard, recorded, actual)
        if kind in HARD and above is None:
            above = self._new(kind, at, other)
        elif kind is not None and above is not None:
            self.causes[above].below += 1
        if above is not None:
            self._mark(self._hard, above, row, recorded, actual)
        self._go_softly(None if above is not None else kind, at, other, recorded, actual)

    def _go_softly(
        self, kind: Kind | None, at: int, other: int, recorded: Glance | None, actual: Glance | None
    ) -> None:
        row = recorded or actual
        if kind is not None:
            self._soft.setdefault(kind, _Marks())
        for own, marks in self._soft.items():
            above = self._from(marks, recorded, actual)
            if own == kind:
                if above is None:
                    above = self._new(own, at, other)
                else:
                    self.causes[above].below += 1
            if above is not None and row is not None:
                self._mark(marks, above, row, recorded, actual)

    def _tell_ground(self, row: Glance, at: int, other: int) -> None:
        """Name what a run stands on; a decision that differs in that alone says nothing new once it was told."""
        if slot_of(row) == DECIDED and self._ground is not None:
            self.causes[self._ground].below += 1
            return
        told = self._new("environment", at, other)
        self._ground = told if self._ground is None else self._ground

    def _new(self, kind: Kind, at: int, other: int) -> int:
        self.causes.append(Cause(kind, at, other))
        return len(self.causes) - 1

    def _from(self, marks: _Marks, recorded: Glance | None, actual: Glance | None) -> int | None:
        """Return the first cause that leads to a row by its parents in either run; None where none does."""
        row = recorded or actual
        if row is None or not (marks.by_task or marks.by_id or marks.by_actual_id):
            return None
        found = [marks.by_task.get(row.task) if row.task else None]
        found += [marks.by_id.get(recorded.cause)] if recorded is not None else []
        found += [marks.by_actual_id.get(actual.cause)] if actual is not None else []
        if marks.by_end and row.topic != _SUBMITTED:
            found += [marks.by_end.get(task) for task in self._after.get(row.task, ())]
        return min((one for one in found if one is not None), default=None)

    def _mark(self, marks: _Marks, cause: int, row: Glance, recorded: Glance | None, actual: Glance | None) -> None:
        if row.task:
            marks.by_task.setdefault(row.task, cause)
        if recorded is not None:
            marks.by_id.setdefault(recorded.id, cause)
            marks.by_actual_id.setdefault(self._matching.id_of_actual(recorded.id), cause)
        elif actual is not None:
            marks.by_actual_id.setdefault(actual.id, cause)
        if slot_of(row) == ENDED:
            marks.by_end.setdefault(row.task, cause)

    def _note(self, row: Glance) -> None:
        """Remember what a task waits for."""
        if row.topic == _SUBMITTED and _AFTER in row.body:
            task = body_of(row).get("task")
            after = task.get("after") if isinstance(task, dict) else None
            if isinstance(after, list):
                self._after[row.task] = tuple(str(one).encode() for one in after)

    def _actual(self, at: int) -> Glance:
        return look(self._matching.actual, at, self._matching.actual.row(at))


def _places(matching: Matching) -> list[tuple[int, int]]:
    """Return the rows that the actual run has alone, each after the place in the recorded run that it goes before.

    That is the place of the next row that both have: whatever leads to the row stands before it there, too.
    """
    if not matching.extra:
        return []
    known = sorted((other, at) for at, other in enumerate(matching.partners) if other >= 0)
    found = []
    for at in sorted(matching.extra):
        after = bisect.bisect(known, (at, 0))
        before = known[after - 1][1] + 1 if after else 0
        found.append((before, at))
    return sorted(found)
