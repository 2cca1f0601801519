"""Columns: the values of many rows side by side, small when compressed: words by number, numbers by difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.errors import PointsmanError


class Words:
    """Texts, each with the number under which it was first seen."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._places: dict[str, int] = {word: at for at, word in enumerate(dict.fromkeys(words))}

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def place(self, word: str) -> int:
        """Return the number of a text, a new one if it is new."""
        return self._places.setdefault(word, len(self._places))

    def find(self, word: str) -> int:
        """Return the number of a text; -1 if it is not known."""
        return self._places.get(word, -1)


def millionths(value: object) -> int:
    """Return a number in millionths, as records are rounded; -1 for none.

    Raises:
        PointsmanError: if it is no number.
    """
    if value is None:
        return -1
    if not isinstance(value, int | float):
        raise PointsmanError(f"a decision on record has {value!r} where a number should be; verify the journal")
    return round(value * 1e6)


def differences(values: Iterable[int]) -> list[int]:
    """Return each number less the one before it, the first as it is."""
    found, last = [], 0
    for value in values:
        found.append(value - last)
        last = value
    return found
