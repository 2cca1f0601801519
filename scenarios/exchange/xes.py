"""Owns XES: a log made rows of a run, a run made a log; one that came from a log gives that log again."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from orchestrator.messages import Envelope
from orchestrator.topics import IMPORTED_CASE, IMPORTED_EVENT, IMPORTED_LOG, TASK_COMPLETED, TASK_STARTED
from scenarios.exchange.xes_reader import Element, read_xes

#: Characters that XML 1.0 does not allow (https://www.w3.org/TR/xml/#charsets).
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Those, and what has to be written otherwise.
_ODD: Final = re.compile("[^ !#-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: What XML cannot hold becomes this.
_LOST: Final = "\ufffd"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_ROOT: Final = {"xes.version": "1849.2016", "xes.features": "", "xmlns": "http://www.xes-standard.org/"}
_EXTENSIONS: Final = tuple(
    ["extension", {"name": name, "prefix": prefix, "uri": f"http://www.xes-standard.org/{prefix}.xesext"}, []]
    for name, prefix in (
        ("Concept", "concept"), ("Time", "time"), ("Organizational", "org"), ("Lifecycle", "lifecycle"),
    )
)  # fmt: skip
_TRANSITIONS: Final = {TASK_STARTED: "start", TASK_COMPLETED: "complete"}


def rows_of_log(path: Path) -> Iterator[Envelope]:
    """Yield a log as rows: one for each case, one for each event, ties in the order of the file.

    Raises:
        DocumentError: if it is no XES, or beyond the bounds; with line and column.
    """
    case, cause, cases, at = "", "", 0, _first_moment(path)
    for number, part in enumerate(read_xes(path), start=1):
        body: dict[str, Any] = {"elements": part.elements}
        if part.kind == "log":
            yield Envelope(str(number), IMPORTED_LOG, "", "", at, body | {"attributes": part.attributes})
        elif part.kind == "case":
            cases += 1
            case, cause = attribute(part.elements, "concept:name") or f"case-{cases}", str(number)
            yield Envelope(cause, IMPORTED_CASE, case, "", at, body)
        else:
            at = _seconds(attribute(part.elements, "time:timestamp"), at)
            where = (case, cause) if part.kind == "event" else ("", "")
            yield Envelope(str(number), IMPORTED_EVENT, *where, at, body)


def log_of_rows(rows: Iterable[Envelope]) -> Iterator[str]:
    """Yield the text of a log, piece by piece: of a run that came from one just that, else a case for each task.

    Args:
        rows: of one run, in order.
    """
    rows = iter(rows)
    first = next(rows, None)
    if first is not None and first.topic == IMPORTED_LOG and "elements" in first.body:
        yield from _log_again(first, rows)
    else:
        yield from _log_of_run([] if first is None else [first, *rows])


def attribute(elements: Iterable[Element], key: str) -> str:
    """Return the value of an attribute of a case or an event; empty if it has none of this key."""
    return next((str(one[1].get("value", "")) for one in elements if one[1].get("key") == key), "")


def _first_moment(path: Path) -> float:
    """Return the first time stamp of a log: what is said before any event is said then; 0 where there is none."""
    stamps = (attribute(part.elements, "time:timestamp") for part in read_xes(path) if part.kind in ("event", "loose"))
    return next((_seconds(stamp, 0.0) for stamp in stamps if stamp), 0.0)


def _log_again(first: Envelope, rows: Iterator[Envelope]) -> Iterator[str]:
    yield from (_HEAD, _opening("log", first.body["attributes"]), "\n")
    yield from _lines(first.body["elements"], 1)
    inside = False
    for row in rows:
        if row.topic not in (IMPORTED_LOG, IMPORTED_CASE, IMPORTED_EVENT):
            continue  # what people said of it since
        if inside and (row.topic != IMPORTED_EVENT or not row.causation_id):
            yield "  </trace>\n"
            inside = False
        if row.topic == IMPORTED_CASE:
            yield "  <trace>\n"
            inside = True
            yield from _lines(row.body["elements"], 2)
        elif row.topic == IMPORTED_LOG:
            yield from _lines(row.body["elements"], 1)
        else:
            yield from _lines([["event", {}, row.body["elements"]]], 2 if inside else 1)
    yield "  </trace>\n</log>\n" if inside else "</log>\n"


def _log_of_run(rows: list[Envelope]) -> Iterator[str]:
    yield from (_HEAD, _opening("log", _ROOT), "\n")
    yield from _lines(_EXTENSIONS, 1)
    tasks: dict[str, list[Envelope]] = {}
    for row in rows:
        if row.correlation_id:
            tasks.setdefault(row.correlation_id, []).append(row)
    for task, about in tasks.items():
        name: Element = ["string", {"key": "concept:name", "value": task}, []]
        yield from _lines([["trace", {}, [name, *(["event", {}, _told(row)] for row in about)]]], 1)
    yield "</log>\n"


def _told(row: Envelope) -> list[Element]:
    """Return what a log says of a row."""
    at = dt.datetime.fromtimestamp(row.at, dt.UTC).isoformat(timespec="microseconds")
    told = [("string", "concept:name", row.topic), ("date", "time:timestamp", at), ("int", "pointsman:row", row.id)]
    if row.topic in _TRANSITIONS:
        told.append(("string", "lifecycle:transition", _TRANSITIONS[row.topic]))
    if row.body.get("agent"):
        told.append(("string", "org:resource", str(row.body["agent"])))
    return [[kind, {"key": key, "value": value}, []] for kind, key, value in told]


def _lines(elements: Iterable[Element], depth: int) -> Iterator[str]:
    for name, attributes, inside in elements:
        margin = "  " * depth
        if not inside:
            yield f"{margin}{_opening(name, attributes)[:-1]}/>\n"
            continue
        yield f"{margin}{_opening(name, attributes)}\n"
        yield from _lines(inside, depth + 1)
        yield f"{margin}</{name}>\n"


def _opening(name: str, attributes: dict[str, str]) -> str:
    return f"<{name}{''.join(f' {key}={_quoted(value)}' for key, value in attributes.items())}>"


def _quoted(value: str) -> str:
    """Return the value of an attribute: white space as references, or a parser would make spaces of it."""
    if _ODD.search(value) is None:  # as most are
        return f'"{value}"'
    return quoteattr(_NOT_XML.sub(_LOST, value), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _seconds(stamp: str, otherwise: float) -> float:
    """Return the seconds since the epoch of a time stamp, those before it where it is none; UTC is what has no zone."""
    try:
        moment = dt.datetime.fromisoformat(stamp)
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        return otherwise
