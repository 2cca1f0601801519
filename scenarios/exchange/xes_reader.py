"""Owns the reading of XES, the IEEE 1849 format of event logs: case by case, within bounds, nothing of it lost."""

from __future__ import annotations

import gzip
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, NamedTuple
from xml.parsers import expat

from orchestrator.errors import DocumentError

#: An element: its name, its attributes in their order, and the elements in it.
Element = list[Any]

MAX_BYTES: Final = 4 * 1024**3
MAX_DEPTH: Final = 64
MAX_EVENTS: Final = 1_000_000
_CHUNK: Final = 1 << 16
_HINT: Final = "give an XES file, as process-mining tools write it"


class Part(NamedTuple):
    """One part of a log, in the order of the file.

    Attributes:
        kind: `log`: said of the log as a whole; `case`; `event`: of the case before it; `loose`: an event of no case.
        elements: what is said of it.
        attributes: of the root element, for the first part alone.
    """

    kind: Literal["log", "case", "event", "loose"]
    elements: list[Element]
    attributes: dict[str, str] = {}  # noqa: RUF012 - the default of a named tuple, never written to


def read_xes(path: Path) -> Iterator[Part]:
    """Yield the parts of a log; a file that ends in `.gz` is unpacked on the way.

    Document types, and with them entities, are refused: no log needs them, and they can be made to fill any memory.

    Raises:
        DocumentError: if it is no XES, or beyond the bounds; with line and column.
    """
    handler = _Handler(path)
    try:
        with closing(gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
            for chunk in _chunks(path, file):
                handler.parse(chunk)
                yield from handler.taken()
            handler.parse(b"", last=True)
            yield from handler.taken()
    except (OSError, EOFError) as error:  # gzip says EOFError of a file that was cut off
        raise DocumentError(path, 0, 0, f"it cannot be read: {error}", "check the file") from None


def _chunks(path: Path, file: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    read = 0
    while chunk := file.read(_CHUNK):
        read += len(chunk)
        if read > MAX_BYTES:
            raise DocumentError(path, 0, 0, f"it has more than {MAX_BYTES} bytes", "split it")
        yield chunk


class _Handler:
    """Hears the parser, and keeps what is complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._stack: list[Element] = []
        self._parts: deque[Part] = deque()
        self._root: dict[str, str] | None = {}  # until it was said

    def parse(self, chunk: bytes, *, last: bool = False) -> None:
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as error:
            raise self._error(f"no XML: {expat.errors.messages[error.code]}") from None

    def taken(self) -> Iterator[Part]:
        """Yield the parts that are complete."""
        while self._parts:
            yield self._parts.popleft()

    # -- what the parser says ----------------------------------------------------------------------------------------

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise self._error(f"elements are nested more than {MAX_DEPTH} deep")
        if not self._stack:
            if name != "log":
                raise self._error(f"its root is <{name}>, not <log>")
            self._root = attributes
        self._stack.append([name, attributes, []])

    def _end(self, name: str) -> None:
        element = self._stack.pop()
        if not self._stack:
            self._say_of_log([])  # a log of nothing is one, too
        elif name == "trace" and len(self._stack) == 1:
            self._add_case(element[2])
        elif name == "event" and len(self._stack) == 1:
            self._open()
            self._parts.append(Part("loose", element[2]))
        elif len(self._stack) == 1:
            self._say_of_log([element])
        else:
            siblings = self._stack[-1][2]
            if len(siblings) >= MAX_EVENTS:
                raise self._error(f"an element has more than {MAX_EVENTS} in it")
            siblings.append(element)

    def _text(self, text: str) -> None:
        if text.strip():
            raise self._error(f"text {text.strip()[:40]!r} between elements: XES has attributes only")

    def _refuse_doctype(self, *_: object) -> None:
        raise self._error("it declares a document type, which could define entities: no log needs that")

    # -- inside ------------------------------------------------------------------------------------------------------

    def _say_of_log(self, elements: list[Element]) -> None:
        """Add what is said of the log; several elements in a row are one part."""
        last = self._parts[-1] if self._parts else None
        if last is not None and last.kind == "log":
            last.elements.extend(elements)
        elif elements or self._root is not None:
            self._parts.append(Part("log", elements, self._root or {}))
            self._root = None

    def _open(self) -> None:
        """Say of the log what stands in its root, before anything else."""
        if self._root is not None:
            self._say_of_log([])

    def _add_case(self, elements: list[Element]) -> None:
        self._open()
        self._parts.append(Part("case", [one for one in elements if one[0] != "event"]))
        self._parts.extend(Part("event", one[2]) for one in elements if one[0] == "event")

    def _error(self, problem: str) -> DocumentError:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        return DocumentError(self._path, line, column, problem, _HINT)
