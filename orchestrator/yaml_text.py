"""YAML text: turned into JSON values through the parser's event stream, each key and value with its line and column.

No object is ever constructed. Plain scalars follow the YAML 1.2 core schema (https://yaml.org/spec/1.2.2, chapter
10.3) in its decimal part: `no`, `on`, `12:30`, `1_000`, `0o17` and `007` are text. Aliases, anchors, tags, merge keys
and second documents are refused, and so is whatever exceeds the caps below.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from orchestrator.errors import DocumentError

Loc = tuple[int | str, ...]
Mark = tuple[int, int]

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 64
MAX_NODES: Final = 50_000
MAX_INTEGER: Final = 2**63 - 1  # the journal's JSON holds 64-bit integers

_PARSER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")
# What YAML calls printable, less the line separators that YAML 1.1 folds and 1.2 keeps (U+0085, U+2028, U+2029).
_FORBIDDEN: Final = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_UNFIT: Final = re.compile("[\0\ud800-\udfff]")
_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

# Both parsers (libyaml and PyYAML's own) word their complaints differently: these parts they share.
_COMPLAINTS: Final = (
    ("cannot start any token", "this character cannot begin a value", "put the text in quotes; indent with spaces"),
    ("mapping values are not allowed", "a second ': ' on one line", "put text that contains ': ' in quotes"),
    ("could not find expected ':'", "a line that is neither `key: value` nor part of a text", "add ':' and a value"),
    ("unexpected end of stream", "a quote that is never closed", "close the quote"),
    (
        "unknown escape character",
        "an escape that YAML does not know",
        "use single quotes, where \\ is just a character",
    ),
    ("invalid Unicode character", "an escape for NUL or half a surrogate pair", "write the character itself"),
    ("expected <block end>", "this line does not fit the indentation above", "align it with its siblings"),
    ("did not find expected key", "this line does not fit the indentation above", "align it with its siblings"),
    ("did not find expected '-'", "this line does not fit the list above", "align it with the other '-' lines"),
    ("',' or '", "a [ or { that is never closed, or a comma missing", "close the bracket or add the comma"),
)


@dataclass(frozen=True, slots=True)
class ParsedYaml:
    """A JSON value, and line and column (1-based) of each key and value by location, `()` being the whole."""

    data: Any
    keys: Mapping[Loc, Mark]
    values: Mapping[Loc, Mark]


def parse_yaml(raw: bytes, name: str) -> ParsedYaml:
    """Parse UTF-8 bytes; an empty text holds null.

    Raises:
        DocumentError: if this is not YAML, or uses what this module refuses; with line and column.
    """
    text = _decode(raw, name)
    try:
        return _Builder(name, yaml.parse(text, Loader=_PARSER)).build()
    except yaml.YAMLError as error:
        raise _refusal(error, text, name) from None
    except (ValueError, OverflowError) as error:  # PyYAML's own scanner: "\UFFFFFFFF", %YAML with endless digits
        raise DocumentError(name, 1, 1, f"not YAML: {error}", "correct the escape or directive") from None


def _decode(raw: bytes, name: str) -> str:
    if len(raw) > MAX_BYTES:
        raise DocumentError(name, 1, 1, f"larger than {MAX_BYTES} bytes", "split it, or build the value in Python")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DocumentError(name, 1, 1, "the text is UTF-16", "save the file as UTF-8")
    try:
        text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw.removeprefix(b"\xef\xbb\xbf")[: error.start].decode("utf-8")
        problem = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        raise DocumentError(name, *_position(before), problem, "save the file as UTF-8") from None
    if unfit := _FORBIDDEN.search(text):
        problem = f"character U+{ord(unfit[0]):04X} is not allowed in a file"
        raise DocumentError(name, *_position(text[: unfit.start()]), problem, 'write it as an escape in "quotes"')
    return text


def _position(before: str) -> Mark:
    lines = _LINE_BREAK.split(before)
    return len(lines), len(lines[-1]) + 1


def _refusal(error: yaml.YAMLError, text: str, name: str) -> DocumentError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = _LINE_BREAK.split(text)
    if line > len(lines):  # libyaml counts a line after the last
        line, column = len(lines), len(lines[-1]) + 1
    indent = lines[line - 1][:column]
    if "\t" in indent and not indent.strip():
        return DocumentError(name, line, column, "a tab in the indentation", "indent with spaces")
    complaint = " ".join(str(part) for part in (getattr(error, "context", ""), getattr(error, "problem", "")) if part)
    for part, problem, hint in _COMPLAINTS:
        if part in complaint:
            return DocumentError(name, line, column, f"not YAML: {problem}", hint)
    return DocumentError(name, line, column, f"not YAML: {complaint}", "check quotes and indentation around here")


class _Builder:
    """Builds one document from the events of the parser."""

    def __init__(self, name: str, events: Iterator[yaml.Event]) -> None:
        self._name, self._events = name, events
        self._keys: dict[Loc, Mark] = {}
        self._values: dict[Loc, Mark] = {}

    def build(self) -> ParsedYaml:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return ParsedYaml(None, {}, {(): (1, 1)})
        data = self._value(next(self._events), ())
        next(self._events)  # the end of the document
        if not isinstance(extra := next(self._events), yaml.StreamEndEvent):
            raise self._error(extra, "a second document begins here", "put it in a file of its own")
        return ParsedYaml(data, self._keys, self._values)

    def _value(self, event: yaml.Event, loc: Loc) -> Any:
        self._admit(event, loc)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(loc)
        return self._mapping(loc)

    def _admit(self, event: yaml.Event, loc: Loc) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise self._error(event, f"alias *{event.anchor}: aliases are not allowed", "write the value out")
        if anchor := getattr(event, "anchor", None):
            raise self._error(event, f"anchor &{anchor}: anchors are not allowed", "remove it and write the value out")
        if tag := getattr(event, "tag", None):
            tag = tag.replace("tag:yaml.org,2002:", "!!")
            raise self._error(event, f"tag {tag}: tags are not allowed", "remove it; quotes make text of anything")
        if len(loc) > MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels", "make it flatter")
        if len(self._values) >= MAX_NODES:
            raise self._error(event, f"more than {MAX_NODES} values", "split it, or build the value in Python")
        self._values[loc] = _mark(event)

    def _sequence(self, loc: Loc) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*loc, len(items))))
        return items

    def _mapping(self, loc: Loc) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, loc)
            self._keys[(*loc, key)] = _mark(event)
            value = next(self._events)
            items[key] = self._value(value, (*loc, key))
            if isinstance(value, yaml.ScalarEvent) and not value.value and value.implicit[0]:
                self._values[(*loc, key)] = _mark(event)  # nothing is written there: the parsers disagree where
        return items

    def _key(self, event: yaml.Event, loc: Loc) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._admit(event, loc)
            raise self._error(event, "a key that is a list or a mapping", "use text as the key")
        if event.anchor or event.tag:
            self._admit(event, loc)
        if event.value == "<<" and event.implicit[0]:
            raise self._error(event, "merge key <<: merging is not allowed", "write the keys out")
        key = self._scalar(event)
        if not isinstance(key, str):
            raise self._error(event, f"key {event.value!r} is not text", "put it in quotes")
        if first := self._keys.get((*loc, key)):
            raise self._error(event, f"key {key!r} appears twice, first on line {first[0]}", "keep one of the two")
        return key

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        if not event.implicit[0]:  # quoted or a block: text, whatever it looks like
            if _UNFIT.search(event.value):
                raise self._error(event, "an escape for NUL or half a surrogate pair", "write the character itself")
            return event.value
        if event.value in _CONSTANTS:
            return _CONSTANTS[event.value]
        if _INTEGER.fullmatch(event.value) or _FLOAT.fullmatch(event.value):
            return self._number(event)
        if _NOT_FINITE.fullmatch(event.value):
            raise self._error(event, f"{event.value} is not a finite number", "put it in quotes if text is meant")
        return event.value

    def _number(self, event: yaml.ScalarEvent) -> int | float:
        text = event.value
        number = int(text) if len(text) <= len(str(-MAX_INTEGER)) and _INTEGER.fullmatch(text) else float(text)
        if not math.isfinite(number) or (_INTEGER.fullmatch(text) and abs(number) > MAX_INTEGER):
            raise self._error(event, f"number {text[:40]} is too large", "put it in quotes if text is meant")
        return number

    def _error(self, event: yaml.Event, problem: str, hint: str) -> DocumentError:
        return DocumentError(self._name, *_mark(event), problem, hint)


def _mark(event: yaml.Event) -> Mark:
    mark: Any = event.start_mark  # the stubs allow None, which no parser sets
    return mark.line + 1, mark.column + 1
