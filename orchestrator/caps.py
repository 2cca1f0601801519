"""Caps: how large a document may be; of each kind as much as people write, and what takes a moment to refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that a document may have.

    Attributes:
        size: bytes.
        values: texts, numbers, lists and mappings, all counted.
    """

    size: int
    values: int


#: Programs write plans, of many thousand tasks.
PLAN: Final = Caps(1_000_000, 50_000)
#: People write scenarios: there may be long texts in them, but not so many.
SCENARIO: Final = Caps(1_000_000, 10_000)
SETTINGS: Final = Caps(250_000, 10_000)
