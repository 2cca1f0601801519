"""Owns the ordering: rows that both runs have, in another order, and whether that order matters.

Two rows *conflict* if the order in which they stand can have made a difference:

- they belong to the same task: the rows of one task are its own history;
- one is the cause of the other: what follows cannot be first. A longer chain of causes is made of such steps, so
  looking at each step finds a chain that was turned as well;
- both begin an attempt at the same agent, which by its policy takes one at a time (`concurrency: 1`): so its author
  says that its attempts do not commute. An agent that takes several may meet them in any order, or at the same time;
- both end a task that a third one waited for, and the later one unlocked it: then that row, `task.unlocked`, names
  another task, and is found as a difference of its own (`scenarios.verdict`). If it names the same, nothing came of it.

All other rows commute: whatever the order was, the same rows followed, or else those that followed differ and are named
themselves. That rows which commute stand in another order is a note; that rows which conflict do, is a divergence.
"""

from __future__ import annotations

import bisect
import itertools
import operator
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import orjson

from orchestrator.topics import AGENT_REGISTERED, TASK_STARTED
from scenarios.glance import Glance, body_of
from scenarios.matching import Matching
from scenarios.track import look

_REGISTERED: Final = f'"topic":"{AGENT_REGISTERED}"}}'.encode()
_STARTED: Final = TASK_STARTED.encode()


@dataclass(slots=True)
class Ordering:
    """What stands in another order.

    Attributes:
        moved: rows that left their place, counted from 0 in the recorded run: the fewest that explain the order.
        conflicts: by row that stood before another one and is now after it, that other one.
    """

    moved: list[int] = field(default_factory=list)
    conflicts: dict[int, int] = field(default_factory=dict)


def find_order(matching: Matching) -> Ordering:
    """Return what stands in another order in the actual run.

    Raises:
        PointsmanError: if a run cannot be read any more.
    """
    if matching.partners == array("i", range(len(matching.partners))):
        return Ordering()
    others = array("i", (other for other in matching.partners if other >= 0))
    if all(itertools.starmap(operator.lt, itertools.pairwise(others))):
        return Ordering()
    moved = bytearray(b"\1") * len(others)
    for place in _longest_rising(others):
        moved[place] = 0
    both = (at for at, other in enumerate(matching.partners) if other >= 0)
    return Ordering(list(itertools.compress(both, moved)), dict(_conflicts(matching)))


def _longest_rising(values: array[int]) -> Iterable[int]:
    """Return the places of a longest rising subsequence: patience sorting, Fredman 1975."""
    heads: list[int] = []
    places: list[int] = []
    before = array("i", [-1]) * len(values)
    for place, value in enumerate(values):
        pile = bisect.bisect_left(heads, value)
        heads[pile : pile + 1], places[pile : pile + 1] = [value], [place]
        before[place] = places[pile - 1] if pile else -1
    at = places[-1] if places else -1
    while at >= 0:
        yield at
        at = before[at]


def _conflicts(matching: Matching) -> Iterator[tuple[int, int]]:
    """Yield rows that stood before another one which they conflict with, and are now after it."""
    lasts: dict[bytes, int] = {}  # the row that is the farthest in the actual run, by what must keep its order
    by_id: dict[bytes, int] = {}
    one_at_a_time: set[bytes] = set()
    at = -1
    for chunk in matching.recorded.chunks():
        for row in chunk:
            at += 1
            if row.endswith(_REGISTERED):
                one_at_a_time |= _takes_one(look(matching.recorded, at, row))
            if matching.partners[at] < 0:
                continue
            seen = look(matching.recorded, at, row)
            by_id[seen.id] = at
            yield from _turned(matching, at, by_id.get(seen.cause))
            for key in _keys(seen, one_at_a_time):
                last = lasts.get(key)
                yield from _turned(matching, at, last)
                if last is None or matching.partners[last] < matching.partners[at]:
                    lasts[key] = at


def _turned(matching: Matching, at: int, before: int | None) -> Iterator[tuple[int, int]]:
    if before is not None and matching.partners[before] > matching.partners[at]:
        yield before, at


def _keys(row: Glance, one_at_a_time: set[bytes]) -> Iterator[bytes]:
    if row.task:
        yield b"task/" + row.task
    if row.topic == _STARTED and one_at_a_time:
        agent = orjson.dumps(body_of(row).get("agent"))
        if agent in one_at_a_time:
            yield b"agent/" + agent


def _takes_one(row: Glance) -> set[bytes]:
    body = body_of(row)
    policy = body.get("policy")
    return {orjson.dumps(body.get("agent"))} if isinstance(policy, dict) and policy.get("concurrency") == 1 else set()
