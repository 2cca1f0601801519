"""Owns the attribution: the words of a text and what each of them gave to a score, kept in two columns."""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any, Final, NamedTuple, overload

_round: Final = float.__round__  # what `round` finds out each time: half as long again


class Contribution(NamedTuple):
    """A word and its exact share of an agent's score; ``word`` is "" for a rest that belongs to no word."""

    word: str
    weight: float


class Attribution(Sequence[Contribution]):
    """Contributions in the order of the text, equal to a tuple of them.

    Each is made for whoever asks for it: to make all of them took as long as a third of a decision, and a record of the
    decision, which is all that most of them are for, needs none.

    Attributes:
        words: The words.
        weights: The share of each.
    """

    __slots__ = ("weights", "words")

    def __init__(self, words: Sequence[str], weights: Sequence[float]) -> None:
        """Keep both columns, of the same length; they are not to be changed."""
        self.words, self.weights = words, weights

    def to_json(self) -> list[list[Any]]:
        """Return pairs as plain JSON types, weights rounded to 6 places."""
        return [[word, _round(weight * 1e6) / 1e6] for word, weight in zip(self.words, self.weights, strict=True)]

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[Contribution]:
        # What Contribution(word, weight) does, without a Python call for each word.
        return map(tuple.__new__, repeat(Contribution), zip(self.words, self.weights, strict=True))

    @overload
    def __getitem__(self, at: int) -> Contribution: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[Contribution, ...]: ...

    def __getitem__(self, at: int | slice) -> Contribution | tuple[Contribution, ...]:
        return tuple(self)[at] if isinstance(at, slice) else Contribution(self.words[at], self.weights[at])

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Attribution | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Attribution({tuple(self)!r})"


def columns(contributions: Sequence[Contribution]) -> tuple[Sequence[str], Sequence[float]]:
    """Return the words of any contributions, and the weights."""
    if isinstance(contributions, Attribution):
        return contributions.words, contributions.weights
    return [word for word, _ in contributions], [weight for _, weight in contributions]


def as_pairs(contributions: Sequence[Contribution]) -> list[list[Any]]:
    """Return any contributions as ``Attribution.to_json`` does."""
    if isinstance(contributions, Attribution):
        return contributions.to_json()
    return [[word, round(weight * 1e6) / 1e6] for word, weight in contributions]
