"""YAML text: bytes in, a JSON value with the places of its parts out; what is no YAML is refused with line and column.

The value is built from the parser's events (`orchestrator.yaml_builder`); what exceeds a cap is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import yaml

from orchestrator.caps import PLAN, Caps
from orchestrator.errors import DocumentError
from orchestrator.places import Mark, Places
from orchestrator.shapes import ANY, Shape
from orchestrator.yaml_builder import Builder

_PARSER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")
# What YAML calls printable, less the line separators that YAML 1.1 folds and 1.2 keeps (U+0085, U+2028, U+2029).
_FORBIDDEN: Final = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)

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
    """A JSON value, and where its parts stand."""

    data: Any
    places: Places


def parse_yaml(raw: bytes, name: str, shape: Shape = ANY, caps: Caps = PLAN) -> ParsedYaml:
    """Parse UTF-8 bytes; an empty text holds null.

    Args:
        raw: the text.
        name: what errors call it.
        shape: what it should have; it is refused at the first key or container that does not fit.
        caps: how large it may be.

    Raises:
        DocumentError: if this is not YAML, or uses what this module refuses; with line and column.
    """
    text = _decode(raw, name, caps)
    try:
        return ParsedYaml(*Builder(name, _PARSER(text).get_event, caps.values).build(shape))
    except yaml.YAMLError as error:
        raise _refusal(error, text, name) from None
    except (ValueError, OverflowError) as error:  # PyYAML's own scanner: "\UFFFFFFFF", %YAML with endless digits
        raise DocumentError(name, 1, 1, f"not YAML: {error}", "correct the escape or directive") from None


def _decode(raw: bytes, name: str, caps: Caps) -> str:
    if len(raw) > caps.size:
        raise DocumentError(name, 1, 1, f"larger than {caps.size} bytes", "split it, or build the value in Python")
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
