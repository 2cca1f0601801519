"""YAML builder: JSON values from the events of a YAML parser, each key and value with its place.

No object is ever constructed. Plain scalars follow the YAML 1.2 core schema (https://yaml.org/spec/1.2.2, chapter
10.3) in its decimal part: `no`, `on`, `12:30`, `1_000`, `0o17` and `007` are text. Aliases, anchors, tags, merge keys
and second documents are refused. A document of a megabyte has two hundred thousand events: this is a hot path.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

import yaml
from yaml.events import MappingEndEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent

from orchestrator.errors import DocumentError
from orchestrator.places import COLUMN_BITS, Place, Places, unpack
from orchestrator.shapes import ANY, Shape

MAX_DEPTH: Final = 64
MAX_INTEGER: Final = 2**63 - 1  # the journal's JSON holds 64-bit integers

_UNFIT: Final = re.compile("[\0\ud800-\udfff]")
_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMERIC: Final = frozenset("+-.0123456789")  # a number begins with one of these
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class Builder:
    """Builds one document."""

    __slots__ = ("_count", "_depth", "_most", "_name", "_next")

    def __init__(self, name: str, next_event: Callable[[], Any], most: int) -> None:
        self._name, self._most, self._next = name, most, next_event
        self._count = self._depth = 0

    def build(self, shape: Shape) -> tuple[Any, Places]:
        """Return the value, and where its parts stand.

        Raises:
            DocumentError: at the first thing that is refused, or does not fit the shape.
        """
        self._next()  # the start of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None, Places((-1, 0, None))
        event = self._next()
        data, inner = self._value(event, shape, "")
        self._next()  # the end of the document
        if not isinstance(extra := self._next(), yaml.StreamEndEvent):
            raise self._error(extra, "a second document begins here", "put it in a file of its own")
        return data, Places((-1, _mark(event), inner))

    def _value(self, event: Any, shape: Shape, key: str) -> tuple[Any, Any]:
        """Return a value and the places of what is inside."""
        kind = type(event)
        if kind is yaml.AliasEvent or event.anchor is not None or event.tag is not None:
            raise self._adornment(event)
        if self._depth > MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels", "make it flatter")
        self._count += 1
        if self._count > self._most:
            raise self._error(event, f"more than {self._most} values", "split it, or build the value in Python")
        if kind is ScalarEvent:
            return self._scalar(event), None
        self._depth += 1
        value = self._sequence(event, shape, key) if kind is SequenceStartEvent else self._mapping(event, shape, key)
        self._depth -= 1
        return value

    def _sequence(self, start: Any, shape: Shape, key: str) -> tuple[list[Any], list[Place]]:
        if "list" not in shape.kinds:
            raise self._misfit(start, shape, key, "a list")
        items: list[Any] = []
        places: list[Place] = []
        inner = shape.inner or ANY
        while type(event := self._next()) is not SequenceEndEvent:
            value, inside = self._value(event, inner, key)
            items.append(value)
            places.append((-1, _mark(event), inside))
        return items, places

    def _mapping(self, start: Any, shape: Shape, name: str) -> tuple[dict[str, Any], dict[str, Place]]:
        if "mapping" not in shape.kinds:
            raise self._misfit(start, shape, name, "a mapping")
        items: dict[str, Any] = {}
        places: dict[str, Place] = {}
        while type(event := self._next()) is not MappingEndEvent:
            key = self._key(event, places)
            if (inner := shape.at(key)) is None:
                raise DocumentError(self._name, *unpack(_mark(event)), *shape.unknown(key))
            value = self._next()
            items[key], inside = self._value(value, inner, key)
            # Where nothing is written, the parsers disagree where: then it is where the key is.
            absent = type(value) is ScalarEvent and not value.value and value.implicit[0]
            places[key] = (mark := _mark(event), mark if absent else _mark(value), inside)
        return items, places

    def _key(self, event: Any, places: dict[str, Place]) -> str:
        if type(event) is not ScalarEvent:
            if type(event) is yaml.AliasEvent or event.anchor or event.tag:
                raise self._adornment(event)
            raise self._error(event, "a key that is a list or a mapping", "use text as the key")
        if event.anchor is not None or event.tag is not None:
            raise self._adornment(event)
        if event.value == "<<" and event.implicit[0]:
            raise self._error(event, "merge key <<: merging is not allowed", "write the keys out")
        key = self._scalar(event)
        if not isinstance(key, str):
            raise self._error(event, f"key {event.value!r} is not text", "put it in quotes")
        if first := places.get(key):
            line = unpack(first[0])[0]
            raise self._error(event, f"key {key!r} appears twice, first on line {line}", "keep one of the two")
        return key

    def _scalar(self, event: Any) -> Any:
        text = event.value
        if not event.implicit[0]:  # quoted or a block: text, whatever it looks like
            if _UNFIT.search(text):
                raise self._error(event, "an escape for NUL or half a surrogate pair", "write the character itself")
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if text[0] not in _NUMERIC:
            return text
        if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text):
            return self._number(event)
        if _NOT_FINITE.fullmatch(text):
            raise self._error(event, f"{text} is not a finite number", "put it in quotes if text is meant")
        return text

    def _number(self, event: Any) -> int | float:
        text = event.value
        number = int(text) if len(text) <= len(str(-MAX_INTEGER)) and _INTEGER.fullmatch(text) else float(text)
        if not math.isfinite(number) or (_INTEGER.fullmatch(text) and abs(number) > MAX_INTEGER):
            raise self._error(event, f"number {text[:40]} is too large", "put it in quotes if text is meant")
        return number

    def _adornment(self, event: Any) -> DocumentError:
        if isinstance(event, yaml.AliasEvent):
            return self._error(event, f"alias *{event.anchor}: aliases are not allowed", "write the value out")
        if event.anchor:
            problem = f"anchor &{event.anchor}: anchors are not allowed"
            return self._error(event, problem, "remove it and write the value out")
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        return self._error(event, f"tag {tag}: tags are not allowed", "remove it; quotes make text of anything")

    def _misfit(self, event: Any, shape: Shape, key: str, found: str) -> DocumentError:
        problem, hint = shape.misfit(key, found)
        return self._error(event, problem, hint)

    def _error(self, event: Any, problem: str, hint: str) -> DocumentError:
        return DocumentError(self._name, *unpack(_mark(event)), problem, hint)


def _mark(event: Any) -> int:
    mark: Any = event.start_mark
    packed: int = mark.line << COLUMN_BITS | mark.column
    return packed
