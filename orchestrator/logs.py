"""Structured logs: one line per decision, for people or for machines, from the same event."""

from __future__ import annotations

import asyncio
import datetime as dt
import heapq
import operator
import sys
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

import orjson

from orchestrator.clock import SystemClock

if TYPE_CHECKING:
    import structlog

LogFormat = Literal["auto", "console", "json", "off"]

#: How many candidates a line shows; the journal keeps all of them.
TOP: Final = 3


class DecisionLog:
    """Writes one line per routing decision, from the record that the journal keeps and under the same names."""

    def __init__(self, logger: structlog.typing.FilteringBoundLogger) -> None:
        self._info = logger.info

    def write(self, record: Mapping[str, Any]) -> None:
        """Write the line: who, how sure, who came next, which words decided.

        Args:
            record: as `RoutingDecision.to_json` gives it.
        """
        found = zip(_SHOWN, map(record.get, _SHOWN), strict=True)
        event: dict[str, Any] = {name: value for name, value in found if value}
        if "candidates" in record:
            names, scores = record["candidates"]["names"], record["candidates"]["scores"]
            best = _best(scores)
            event["top"] = [[names[at], scores[at]] for at in best]
        strongest = sorted(record["attribution"], key=_WEIGHT, reverse=True)[:TOP]
        event["words"] = [word for word, weight in strongest if word]
        self._info("task.abstained" if record["chosen"] is None else "task.routed", **event)


def _best(scores: Sequence[float]) -> Sequence[int]:
    """Return the places of the best scores; for few, sorting them all is quicker than picking."""
    if len(scores) <= _FEW:
        return sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[:TOP]
    return heapq.nlargest(TOP, range(len(scores)), key=scores.__getitem__)


_FEW: Final = 24
_SHOWN: Final = (
    "task", "chosen", "abstained", "fallback", "policy", "confidence", "threshold", "budget", "margin", "vetoes",
    "fingerprint",
)  # fmt: skip


_WEIGHT: Final = operator.itemgetter(1)


def make_logger(
    log_format: LogFormat,
    stream: TextIO | None = None,
    *,
    now: Callable[[], float] = SystemClock.now,
    redact: Callable[[Any], Any] | None = None,
) -> structlog.typing.FilteringBoundLogger | None:
    """Return a logger that writes to `stream` (stderr), or None for `off`.

    `auto` writes for people on a terminal and JSON elsewhere. `now` gives the time stamps: the clock of the run.
    `redact` takes out of each line what nobody may read.
    """
    if log_format == "off":
        return None
    out = stream or sys.stderr
    if log_format == "auto":
        log_format = "console" if out.isatty() else "json"
    import structlog

    sink: Any = structlog.PrintLogger(out)
    renderer: Any = structlog.dev.ConsoleRenderer(colors=out.isatty())
    if log_format == "json":
        sink, renderer = _Lines(out), _to_line
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        sink,
        [*([] if redact is None else [_Redacting(redact)]), _Stamp(now), renderer],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        cache_logger_on_first_use=True,
    ).bind()
    return logger


class _Redacting:
    """Replaces what a line holds by what may be written of it."""

    def __init__(self, redact: Callable[[Any], Any]) -> None:
        self._redact = redact

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        redacted: dict[str, Any] = self._redact(dict(event))
        return redacted


class _Stamp:
    """Adds `level`, and `timestamp` in ISO 8601, UTC, with microseconds; formats date and time once a second."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._second, self._text = -1, ""

    def __call__(self, _logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["level"] = method  # a bound logger calls it by its level
        microseconds = round(self._now() * 1e6)
        second = microseconds // 1_000_000
        if second != self._second:
            self._second = second
            self._text = dt.datetime.fromtimestamp(second, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
        event["timestamp"] = f"{self._text}.{microseconds % 1_000_000:06d}Z"
        return event


class _Lines:
    """Writes lines together at the end of the turn of the loop: a system call a turn, not one a line.

    Without a running loop, as in another thread, a line and those before it are written at once. Where writing fails,
    the next line is refused with that error: whoever logs it hears of it, where the loop would only log it, and where
    to?
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: deque[bytes] = deque()
        self._failure: Exception | None = None

    def msg(self, line: bytes) -> None:
        if self._failure is not None:
            raise self._failure
        self._lines.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write()
            return
        if len(self._lines) == 1:
            loop.call_soon(self._try_to_write)

    info = warning = error = msg

    def _try_to_write(self) -> None:
        try:
            self._write()
        except Exception as error:  # noqa: BLE001 - a stranger's stream
            self._failure = error

    def _write(self) -> None:
        lines = []
        with suppress(IndexError):
            while True:
                lines.append(self._lines.popleft())
        self._stream.write(b"".join(line + b"\n" for line in lines).decode())
        self._stream.flush()


def _to_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> bytes:
    return orjson.dumps(event, default=str)
