"""Owns the changes between two JSON values: where they differ, as JSON pointers (RFC 6901), with both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final


class Absent:
    """What stands for the value that a side does not have; there is one, `ABSENT`."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()
#: Whether two values that are no objects and no lists are the same, given where they stand.
Same = Callable[[tuple[str, ...], Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Change:
    """One place where two values differ.

    Attributes:
        path: keys and indices that lead there.
        recorded: value there; `ABSENT` where there is none.
        actual: the same of the other side.
    """

    path: tuple[str, ...]
    recorded: Any
    actual: Any

    @property
    def pointer(self) -> str:
        """The path as a JSON pointer; empty for the whole."""
        return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in self.path)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object, without the side that has no value."""
        sides = {"recorded": self.recorded, "actual": self.actual}
        return {"pointer": self.pointer, **{side: value for side, value in sides.items() if value is not ABSENT}}


def equal(_path: tuple[str, ...], recorded: Any, actual: Any) -> bool:
    """Return whether two values are the same, kind and all: 1, 1.0 and true are three."""
    return type(recorded) is type(actual) and bool(recorded == actual)


def changes(recorded: Any, actual: Any, same: Same = equal, path: tuple[str, ...] = ()) -> Iterator[Change]:
    """Yield where two JSON values differ, in the order of the recorded one, and deep values however deep they are.

    Lists are compared place by place.
    """
    waiting: list[tuple[tuple[str, ...], Any, Any]] = [(path, recorded, actual)]
    while waiting:
        where, one, other = waiting.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            keys = [*one, *(key for key in other if key not in one)]
            waiting += [((*where, key), one.get(key, ABSENT), other.get(key, ABSENT)) for key in reversed(keys)]
        elif isinstance(one, list) and isinstance(other, list):
            most = max(len(one), len(other))
            pairs = ((_at(one, index), _at(other, index)) for index in range(most - 1, -1, -1))
            waiting += [
                ((*where, str(index)), *pair) for index, pair in zip(range(most - 1, -1, -1), pairs, strict=True)
            ]
        elif not same(where, one, other):
            yield Change(where, one, other)


def _at(values: list[Any], index: int) -> Any:
    return values[index] if index < len(values) else ABSENT
