"""Learning: which of what people said a challenger learns from, and which is held back to judge it by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from orchestrator.decision import digest_text
from orchestrator.judgement import Judgement

#: One request of so many is held back.
HELD_BACK: Final = 5


class Lessons(NamedTuple):
    """What people said, in two parts that share no request: to learn from, and to judge by."""

    learnt: tuple[Judgement, ...]
    held_back: tuple[Judgement, ...]


class Tally(NamedTuple):
    """How many thumbs went up, how many down, and how many of the latter named the right agent."""

    right: int
    wrong: int
    should_be: int

    def __str__(self) -> str:
        return f"{self.right} right, {self.wrong} wrong, {self.should_be} with should-be"


def split(judgements: Iterable[Judgement]) -> Lessons:
    """Hold back every fifth request, by its digest: the same in every run, and of whatever is said of it later."""
    parts: tuple[list[Judgement], list[Judgement]] = ([], [])
    for judgement in judgements:
        parts[int(digest_text(judgement.request), 16) % HELD_BACK == 0].append(judgement)
    return Lessons(*map(tuple, parts))


def tally(judgements: Iterable[Judgement]) -> Tally:
    """Count what was said."""
    said = [(judgement.right, judgement.should_be) for judgement in judgements]
    right = sum(right for right, _ in said)
    return Tally(right, len(said) - right, sum(bool(should_be) for _, should_be in said))
