"""Owns the matching: which row of one run is which row of the other, found in one pass over both.

As long as the runs go in step, rows are compared as bytes and never looked into. Where they do not, each row waits for
the one with the same identity (`scenarios.identity`); the first of one run that waits goes with the first of the other.
Ids are never compared: a cause is the same if the rows that are named as causes have been matched. What waits is
kept only up to a bound, and read again beyond it, so that two runs which have nothing in common take little memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, zip_longest
from operator import ne
from typing import Final

from orchestrator.garbage import collected_later
from scenarios.abreast import STRIDE, strides
from scenarios.glance import Glance, is_json
from scenarios.identity import identify
from scenarios.track import Again, JournalTrack, Track, look
from scenarios.verdict import Judge, Kind, of_one_side

#: Rows that wait, of which the text is kept; the others are read again.
_KEPT: Final = 4096
_BODY: Final = b',"body":'

#: Rows that wait, by identity: mostly one.
_Waiting = dict[bytes, int | list[int]]


class Matching:
    """Which rows belong together, and what class of difference there is between them.

    Attributes:
        recorded, actual: the two runs.
        partners: by row of the recorded run, counted from 0, the row of the actual run; -1 where there is none.
        found: class by row of the recorded run, of those that differ or are missing.
        extra: class by row of the actual run that the recorded one does not have.
        rows: of the actual run.
    """

    def __init__(self, recorded: Track, actual: Track, judge: Judge) -> None:
        """Read both runs and match them.

        Raises:
            PointsmanError: if a row that had to be looked at is none, or the runs cannot be read.
        """
        self.recorded, self.actual, self.judge = recorded, actual, judge
        self.partners, self.rows = array("i"), 0
        self.found: dict[int, Kind] = {}
        self.extra: dict[int, Kind] = {}
        self._to_actual: dict[bytes, bytes] = {}
        self._to_recorded: dict[bytes, bytes] = {}
        self._waiting: tuple[_Waiting, _Waiting] = ({}, {})
        self._near: tuple[dict[int, Glance], dict[int, Glance]] = ({}, {})
        self._in_step = True
        self._begun: float | None = None
        with collected_later():
            if judge.timing is None:
                self._stride_along()
            for chunk, other in zip_longest(self._rest(recorded), self._rest(actual), fillvalue=()):
                self._take(chunk, other)
        self._left_over()

    def id_of_actual(self, recorded: bytes) -> bytes:
        """Return the id that an envelope of the recorded run has in the actual one."""
        return self._to_actual.get(recorded, recorded)

    def same_cause(self, recorded: Glance, actual: Glance) -> bool:
        """Return whether the rows that two rows name as their causes belong together."""
        one, other = recorded.cause, actual.cause
        return self._to_actual.get(one, one) == other and self._to_recorded.get(other, other) == one

    # -- in step -----------------------------------------------------------------------------------------------------

    def _stride_along(self) -> None:
        """Go on in step as far as the journal itself tells which rows differ."""
        for pairs in strides(self.recorded, self.actual, self.judge.names):
            named = self.judge.names.chunk([pair.recorded for pair in pairs])
            for pair, row in zip(pairs, named, strict=True):
                if not self._step(self.rows + pair.at, row, pair.recorded, pair.actual):
                    self._go_on(pair.at)  # and come to this pair again
                    return
            self._go_on(STRIDE)

    def _rest(self, track: Track) -> Iterator[Sequence[bytes]]:
        return track.chunks(self.rows) if isinstance(track, JournalTrack) else track.chunks()

    def _take(self, chunk: Sequence[bytes], other: Sequence[bytes]) -> None:
        begin = self._walk(chunk, other) if self._in_step else 0
        for recorded, actual in zip_longest(chunk[begin:], other[begin:]):
            self._in_step = False
            self._meet(recorded, actual)

    def _walk(self, chunk: Sequence[bytes], other: Sequence[bytes]) -> int:
        """Go on in step as far as it goes, looking at rows that are not the same bytes; return how far."""
        named, done = self.judge.names.chunk(chunk), min(len(chunk), len(other))
        unequal: Sequence[int] = list(compress(range(done), map(ne, named, other)))
        if self._begun is None and done and 0 not in unequal:
            self._begun = 0.0  # what is the same bytes was not late, if the first row was not
        elif self.judge.timing is not None and self._begun != 0.0:
            unequal = range(done)
        for at in unequal:
            if not self._step(self.rows + at, named[at], chunk[at], other[at]):
                done = at
                break
        self._go_on(done)
        return done

    def _go_on(self, rows: int) -> None:
        self.partners.extend(range(self.rows, self.rows + rows))
        self.rows += rows

    def _step(self, at: int, named: bytes, recorded: bytes, actual: bytes) -> bool:
        """Compare two rows in the same place; return whether they are the same event, so that the runs stay in step."""
        named = self.judge.names.row(named)
        begin, other = named.find(_BODY), actual.find(_BODY)
        if begin < 0 or other < 0 or named[begin:] != actual[other:]:
            return self._look_closer(at, recorded, actual)
        if self.judge.timing is not None:
            self._time(at, look(self.recorded, at, recorded), look(self.actual, at, actual))
        return True

    def _look_closer(self, at: int, recorded: bytes, actual: bytes) -> bool:
        one, other = look(self.recorded, at, recorded), look(self.actual, at, actual)
        if one.id != other.id or self._key(one, at, mine=True) != self._key(other, at, mine=False):
            return False
        self._settle(at, one, at, other, same_cause=one.cause == other.cause)
        return True

    # -- out of step -------------------------------------------------------------------------------------------------

    def _meet(self, recorded: bytes | None, actual: bytes | None) -> None:
        """Take the next row of each run, where there is one, and match it with whatever waits for it."""
        if recorded is not None:
            at = len(self.partners)
            seen = look(self.recorded, at, recorded)
            self.partners.append(-1)
            waits = self._find(seen, at, mine=True)
            if waits is not None:
                self._match(at, seen, *waits)
        if actual is not None:
            at = self.rows
            seen = look(self.actual, at, actual)
            self.rows += 1
            waits = self._find(seen, at, mine=False)
            if waits is not None:
                self._match(waits[0], waits[1], at, seen)

    def _find(self, seen: Glance, at: int, *, mine: bool) -> tuple[int, Glance] | None:
        """Return the row of the other run that waits for this one, or else let this one wait."""
        key, others = self._key(seen, at, mine=mine), self._waiting[mine]
        waits = others.pop(key, None)
        if waits is not None:
            first = waits if isinstance(waits, int) else waits.pop(0)
            if not isinstance(waits, int) and waits:
                others[key] = waits
            return first, self._near[mine].pop(first, None) or self._again(first, mine=not mine)
        if len(self._near[not mine]) < _KEPT:
            self._near[not mine][at] = seen
        own = self._waiting[not mine]
        before = own.setdefault(key, at)
        if isinstance(before, list):
            before.append(at)
        elif before != at:
            own[key] = [before, at]
        return None

    def _match(self, at: int, recorded: Glance, other: int, actual: Glance) -> None:
        self.partners[at] = other
        if recorded.id != actual.id:
            self._to_actual[recorded.id], self._to_recorded[actual.id] = actual.id, recorded.id
        self._settle(at, recorded, other, actual, same_cause=self.same_cause(recorded, actual))

    def _left_over(self) -> None:
        missing, extra = (sorted(_flat(waiting.values())) for waiting in self._waiting)
        self._waiting = ({}, {})
        for at, seen in self._all_of(missing, mine=True):
            self._add(self.found, at, of_one_side(seen, "missing"))
        for at, seen in self._all_of(extra, mine=False):
            self._add(self.extra, at, of_one_side(seen, "extra"))

    def _add(self, found: dict[int, Kind], at: int, kind: Kind) -> None:
        if kind != "timing" or self.judge.timing is not None:
            found[at] = kind

    def _all_of(self, ordinals: list[int], *, mine: bool) -> Iterator[tuple[int, Glance]]:
        track = self.recorded if mine else self.actual
        again = Again(track, len(ordinals))
        near = self._near[not mine]
        for at in ordinals:
            yield at, near.pop(at) if at in near else again.look(at)

    # -- both --------------------------------------------------------------------------------------------------------

    def _settle(self, at: int, recorded: Glance, other: int, actual: Glance, *, same_cause: bool) -> None:
        try:
            kind = self.judge.judge(recorded, actual, same_cause=same_cause)
        except ValueError as error:
            broken = not is_json(recorded.body)
            track, where = (self.recorded, at) if broken else (self.actual, other)
            raise track.refusal(where, f"its body is no JSON: {error}") from None
        if kind is not None:
            self.found[at] = kind
        elif self.judge.timing is not None:
            self._time(at, recorded, actual)

    def _time(self, at: int, recorded: Glance, actual: Glance) -> None:
        """Look how much later a row was, counted from the first one of its run."""
        apart = float(actual.at) - float(recorded.at)
        if self._begun is None:
            self._begun = apart
        if abs(round(apart - self._begun, 9)) > (self.judge.timing or 0.0):
            self.found[at] = "timing"

    def _key(self, seen: Glance, at: int, *, mine: bool) -> bytes:
        try:
            return identify(seen, self.judge.names.body if mine else None)
        except ValueError as error:
            track = self.recorded if mine else self.actual
            raise track.refusal(at, f"its body is no JSON object: {error}") from None

    def _again(self, at: int, *, mine: bool) -> Glance:
        track = self.recorded if mine else self.actual
        return look(track, at, track.row(at))


def _flat(waiting: Iterable[int | list[int]]) -> Iterator[int]:
    for one in waiting:
        if isinstance(one, int):
            yield one
        else:
            yield from one
