"""Places: line and column of each key and value of a document, kept beside its value in its shape.

A document of a megabyte has a hundred thousand of them: one number each, and found by going down from the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

Loc: TypeAlias = tuple[int | str, ...]
Mark: TypeAlias = tuple[int, int]
#: The marks of a key (0 for an item) and of its value, and what is inside that.
Place: TypeAlias = "tuple[int, int, dict[str, Place] | list[Place] | None]"

#: A mark is one number: the line, counted from 0, and in so many bits the column. A later one is larger.
COLUMN_BITS: Final = 20


def unpack(mark: int) -> Mark:
    """Return the line and column, counted from 1, of a mark."""
    return (mark >> COLUMN_BITS) + 1, (mark & (1 << COLUMN_BITS) - 1) + 1


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of a document stand: `root` is the place of the whole."""

    root: Place

    def __contains__(self, loc: Loc) -> bool:
        """Return whether a value stands there."""
        place: Place | None = self.root
        for part in loc:
            if place is None:
                return False
            place = _inside(place, part)
        return place is not None

    def mark(self, loc: Loc, *, key: bool = False) -> Mark:
        """Return line and column of the value (or key) at `loc`; parts of `loc` that lead nowhere are passed over."""
        place = self.root
        for part in loc:
            place = _inside(place, part) or place
        return unpack(place[0] if key and place[0] >= 0 else place[1])


def _inside(place: Place, part: int | str) -> Place | None:
    inner = place[2]
    if inner is None:
        return None
    if isinstance(inner, list):
        return inner[part] if isinstance(part, int) and 0 <= part < len(inner) else None
    return inner.get(part) if isinstance(part, str) else None
