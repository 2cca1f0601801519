"""Places: found by going down from the whole, past what leads nowhere."""

from __future__ import annotations

import pytest

from orchestrator.places import COLUMN_BITS, Loc, Mark, Place, Places, unpack


def _at(line: int, column: int) -> int:
    return line << COLUMN_BITS | column


INNER: Place = (_at(1, 2), _at(1, 5), [(-1, _at(2, 0), None), (-1, _at(3, 0), {"c": (_at(3, 2), _at(4, 7), None)})])
PLACES = Places((-1, 0, {"a": (_at(0, 0), _at(0, 3), None), "b": INNER}))


@pytest.mark.parametrize(
    ("loc", "there", "value", "key"),
    [
        ((), 1, (1, 1), (1, 1)),
        (("a",), 1, (1, 4), (1, 1)),
        (("b",), 1, (2, 6), (2, 3)),
        (("b", 0), 1, (3, 1), (3, 1)),
        (("b", 1, "c"), 1, (5, 8), (4, 3)),
        (("b", 2), 0, (2, 6), (2, 3)),
        (("b", -1), 0, (2, 6), (2, 3)),
        (("a", "x", "y"), 0, (1, 4), (1, 1)),
        (("x", "a"), 0, (1, 4), (1, 1)),
        ((0,), 0, (1, 1), (1, 1)),
    ],
)
def test_a_place_is_that_of_the_nearest_part_there_is(loc: Loc, there: int, value: Mark, key: Mark) -> None:
    """Key and value have their own; an item has no key, and what leads nowhere is passed over."""
    assert (loc in PLACES) is bool(there)
    assert PLACES.mark(loc) == value
    assert PLACES.mark(loc, key=True) == key


def test_a_mark_holds_the_last_column_of_a_megabyte() -> None:
    """Line and column do not run into each other."""
    assert unpack(_at(999_999, 999_999)) == (1_000_000, 1_000_000)
    assert _at(1, 0) > _at(0, 999_999)
