"""Where two JSON values differ."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scenarios.changes import ABSENT, changes

LEAF = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "~", "/", "~1", "0"])
JSON = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab/~0"), inner, max_size=3),
    max_leaves=8,
)


def at(value: Any, pointer: str) -> Any:
    """Return what a JSON pointer leads to, as RFC 6901 has it."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(key)] if int(key) < len(value) else ABSENT
        else:
            value = value.get(key, ABSENT)
    return value


@given(JSON, JSON)
def test_each_change_is_where_its_pointer_leads_and_there_are_no_others(one: Any, other: Any) -> None:
    """Both sides, and no change where there is none."""
    found = list(changes(one, other))
    for change in found:
        assert (at(one, change.pointer), at(other, change.pointer)) == (change.recorded, change.actual)
        assert repr(change.recorded) != repr(change.actual)
    assert (not found) == (sorted_repr(one) == sorted_repr(other))


def sorted_repr(value: Any) -> str:
    """Return a value as text, whatever the order of its keys."""
    if isinstance(value, dict):
        return "of keys " + repr(sorted((key, sorted_repr(inner)) for key, inner in value.items()))
    return "of places " + repr([sorted_repr(inner) for inner in value]) if isinstance(value, list) else repr(value)


def test_kinds_of_numbers_are_told_apart_and_depth_is_no_limit() -> None:
    """1, 1.0 and true are three values; a value of two thousand levels has a pointer."""
    assert [change.pointer for change in changes([1, 1, 1.0], [1.0, True, 1])] == ["/0", "/1", "/2"]
    deep, other = [1], [2]
    for _ in range(2_000):
        deep, other = [deep], [other]  # type: ignore[list-item] # deeper each time
    (change,) = changes(deep, other)
    assert change.pointer.count("/") == 2_001
