"""Conditions: what may be asked of a JSON value, of the parts of one, and of a number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from orchestrator.errors import AgentError
from orchestrator.plan import at_pointer
from scenarios.entry import Entry

_EXACTLY_ONE: Final = ("equals", "contains", "matches")
_BOUNDS: Final = ("above", "at_least", "at_most", "below")


class Bounds(Entry):
    """A number is within these bounds."""

    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    below: float | None = None

    def hold(self, number: float) -> bool:
        """Say whether a number is within them."""
        return (
            (self.above is None or number > self.above)
            and (self.at_least is None or number >= self.at_least)
            and (self.at_most is None or number <= self.at_most)
            and (self.below is None or number < self.below)
        )


class NumberIs(Bounds):
    """A number is within bounds, of which one is stated at least."""

    @model_validator(mode="after")
    def _bounds_something(self) -> NumberIs:
        if not self.model_fields_set & set(_BOUNDS):
            raise ValueError(f"it bounds nothing; state {', '.join(_BOUNDS[:-1])} or {_BOUNDS[-1]}")
        return self


class ValueIs(Bounds):
    """A JSON value is as described: by one of `equals`, `contains`, `matches`, or as a number by bounds."""

    equals: Any = None
    contains: Any = None
    matches: str | None = None

    @field_validator("matches")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression ({error}); correct it") from None
        return pattern

    @model_validator(mode="after")
    def _has_one_condition(self) -> ValueIs:
        bounded = bool(self.model_fields_set & set(_BOUNDS))
        if len(self.model_fields_set & set(_EXACTLY_ONE)) + bounded != 1:
            problem = "no condition or several; state exactly one of equals, contains, matches"
            raise ValueError(f"{problem}, or bounds: {', '.join(_BOUNDS)}")
        return self

    def fits(self, value: Any) -> bool:
        """Say whether a value is so."""
        stated = self.model_fields_set
        if self.matches is not None:
            return re.search(self.matches, value if isinstance(value, str) else canonical(value)) is not None
        if "equals" in stated:
            return canonical(value) == canonical(self.equals)
        if "contains" in stated:
            return contains(value, self.contains)
        return isinstance(value, int | float) and not isinstance(value, bool) and self.hold(value)


def check_pointer(pointer: str) -> str:
    """Return a JSON Pointer as it is.

    Raises:
        ValueError: if it is none.
    """
    if pointer and not pointer.startswith("/"):
        raise ValueError(f"{pointer!r} is no JSON pointer; write '/{pointer}'")
    return pointer


def _as_condition(stated: Any) -> Any:
    return stated if isinstance(stated, dict | ValueIs) else {"equals": stated}


def _are_pointers(where: dict[str, ValueIs]) -> dict[str, ValueIs]:
    for pointer in where:
        check_pointer(pointer)
    return where


#: By JSON Pointer, what the parts of a value are: `{/amount: {above: 100}, /currency: EUR}`.
Where = Annotated[
    dict[
        str,
        Annotated[
            ValueIs,
            BeforeValidator(_as_condition, json_schema_input_type=ValueIs | str | float | bool | list[Any] | None),
        ],
    ],
    AfterValidator(_are_pointers),
    Field(default_factory=dict, description="by JSON pointer, what its body holds; a plain value is what it equals"),
]


def all_fit(where: Mapping[str, ValueIs], value: Any) -> bool:
    """Say whether all parts are there and as described."""
    return all(_part_fits(pointer, condition, value) for pointer, condition in where.items())


def _part_fits(pointer: str, condition: ValueIs, value: Any) -> bool:
    try:
        return condition.fits(at_pointer(value, pointer))
    except AgentError:  # the pointer leads nowhere
        return False


def contains(value: Any, part: Any) -> bool:
    """Say whether a text holds a text, a mapping these keys with such values, or a list such an item."""
    if isinstance(value, str):
        return isinstance(part, str) and part in value
    if isinstance(value, dict):
        return isinstance(part, dict) and all(
            key in value and (canonical(value[key]) == canonical(part[key]) or contains(value[key], part[key]))
            for key in part
        )
    return isinstance(value, list | tuple) and any(
        canonical(item) == canonical(part) or (isinstance(item, dict) and contains(item, part)) for item in value
    )


def canonical(value: Any) -> str:
    """Return canonical JSON, in which 1 and 1.0 are the same number and true is none."""
    return orjson.dumps(_whole(value), option=orjson.OPT_SORT_KEYS).decode()


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, Mapping):
        return {key: _whole(inner) for key, inner in value.items()}
    return [_whole(inner) for inner in value] if isinstance(value, list | tuple) else value
