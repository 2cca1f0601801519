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

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from orchestrator.topics import TASK_SUBMITTED
from scenarios.glance import Glance, body_of
from scenarios.identity import DECIDED, ENDED, slot_of
from scenarios.matching import Matching
from scenarios.track import Again, look
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
    """Where differences have come to in one run, and from which cause: by id, by task, and by task that has ended."""

    by_id: dict[bytes, int] = field(default_factory=dict)
    by_task: dict[bytes, int] = field(default_factory=dict)
    by_end: dict[bytes, int] = field(default_factory=dict)

    def set(self, row: Glance, name: bytes, cause: int) -> None:
        """Mark a row; the first cause stays."""
        self.by_id.setdefault(name, cause)
        if row.task:
            self.by_task.setdefault(row.task, cause)
        if slot_of(row) == ENDED:
            self.by_end.setdefault(row.task, cause)

    def above(self, row: Glance, cause: bytes, after: Iterable[bytes]) -> Iterator[int | None]:
        """Yield what has come to the parents of a row."""
        if self.by_id:
            yield self.by_id.get(cause)
            yield self.by_task.get(row.task)
            if row.topic != _SUBMITTED:
                yield from map(self.by_end.get, after)


#: Those of the recorded run, and of the actual one.
_Both = tuple[_Marks, _Marks]


class _Event(NamedTuple):
    """A row of either run, or of both; `actual` is there only where the two differ, or there is no other."""

    kind: Kind | None
    at: int
    other: int
    recorded: Glance | None
    actual: Glance | None

    @property
    def row(self) -> Glance:
        """The recorded row, or else the actual one."""
        found = self.recorded or self.actual
        if found is None:
            raise AssertionError("an event stands in one of the runs")
        return found


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
        self._hard: _Both = (_Marks(), _Marks())
        self._soft: dict[Kind, _Both] = {}
        self._after: dict[bytes, tuple[bytes, ...]] = {}
        self._again = Again(matching.actual, len(matching.found) + len(matching.extra))
        places = _places(matching)
        extra = sorted(matching.extra, key=lambda at: (places.get(at, 0), at))
        first = min([*matching.found, *(places.get(at, 0) for at in extra)])
        extra.reverse()
        for at, row in self._rows():
            while extra and places.get(extra[-1], 0) <= at:
                self._visit_extra(extra.pop())
            if at >= first:
                self._visit(at, look(matching.recorded, at, row))
            elif _AFTER in row and row.endswith(_SUBMITTED_END):
                self._note(look(matching.recorded, at, row))
        while extra:
            self._visit_extra(extra.pop())

    def _rows(self) -> Iterator[tuple[int, bytes]]:
        at = 0
        for chunk in self._matching.recorded.chunks():
            yield from enumerate(chunk, start=at)
            at += len(chunk)

    def _visit(self, at: int, row: Glance) -> None:
        kind, other = self._matching.found.get(at), self._matching.partners[at]
        seen = self._again.look(other) if kind is not None and other >= 0 else None
        self._go(_Event(kind, at, other, row, seen))

    def _visit_extra(self, at: int) -> None:
        self._go(_Event(self._matching.extra[at], -1, at, None, self._again.look(at)))

    def _go(self, event: _Event) -> None:
        """Let what stands before an event come to it, and say whether the event itself is a cause."""
        self._note(event.row)
        if event.kind == "environment":
            self._tell_ground(event)
            event = event._replace(kind=None)
        above = self._from(self._hard, event)
        if event.kind in HARD and above is None:
            above = self._new(event)
        elif event.kind is not None and above is not None:
            self.causes[above].below += 1
        if above is not None:
            self._mark(self._hard, above, event)
            event = event._replace(kind=None)
        self._go_softly(event)

    def _go_softly(self, event: _Event) -> None:
        """Do the same for the differences that cover their own class alone."""
        if event.kind is not None:
            self._soft.setdefault(event.kind, (_Marks(), _Marks()))
        for kind, marks in self._soft.items():
            above = self._from(marks, event)
            if kind == event.kind:
                if above is None:
                    above = self._new(event)
                else:
                    self.causes[above].below += 1
            if above is not None:
                self._mark(marks, above, event)

    def _tell_ground(self, event: _Event) -> None:
        """Name what a run stands on; a decision that differs in that alone says nothing new once it was told."""
        if self._ground is not None and slot_of(event.row) == DECIDED:
            self.causes[self._ground].below += 1
            return
        told = self._new(event)
        self._ground = told if self._ground is None else self._ground

    def _new(self, event: _Event) -> int:
        if event.kind is not None:
            self.causes.append(Cause(event.kind, event.at, event.other))
        return len(self.causes) - 1

    def _from(self, marks: _Both, event: _Event) -> int | None:
        """Return the first cause that leads to an event by its parents in either run; None where none does."""
        row = event.row
        found: list[int | None] = []
        after = self._after.get(row.task, ())
        if event.at >= 0:
            found += marks[0].above(row, row.cause, after)
        if event.other >= 0:
            cause = self._matching.id_of_actual(row.cause) if event.actual is None else event.actual.cause
            found += marks[1].above(row, cause, after)
        return min((one for one in found if one is not None), default=None)

    def _mark(self, marks: _Both, cause: int, event: _Event) -> None:
        row = event.row
        if event.at >= 0:
            marks[0].set(row, row.id, cause)
        if event.other >= 0:
            name = self._matching.id_of_actual(row.id) if event.actual is None else event.actual.id
            marks[1].set(event.actual or row, name, cause)

    def _note(self, row: Glance) -> None:
        """Remember what a task waits for."""
        if row.topic == _SUBMITTED and _AFTER in row.body:
            task = body_of(row).get("task")
            after = task.get("after") if isinstance(task, dict) else None
            if isinstance(after, list):
                self._after[row.task] = tuple(str(one).encode() for one in after)


def _places(matching: Matching) -> dict[int, int]:
    """Return the place in the recorded run that each row of the actual run alone goes before; none for the first.

    That is the place after the last row before it that both have: whatever leads to it stands before it there, too.
    """
    if not matching.extra:
        return {}
    recorded = array("i", [-1]) * matching.rows
    for at, other in enumerate(matching.partners):
        if other >= 0:
            recorded[other] = at
    found, last = {}, -1
    for other, at in enumerate(recorded):
        if at >= 0:
            last = at
        elif other in matching.extra and last >= 0:
            found[other] = last + 1
    return found
