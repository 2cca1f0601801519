"""Said: what a run logs by way of `logging`, without its secrets from the moment at which a record is made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from orchestrator.errors import NotJsonError
from orchestrator.foreign import as_json

#: Where `Logger.makeRecord` has what a call gives by `extra`, which goes into the record after the factory has made it.
_EXTRA: Final = 8


@contextmanager
def saying(redact: Callable[[Any], Any] | None) -> Iterator[None]:
    """Redact whatever is logged in the block, by whomever, wherever it goes: handlers see no other text.

    What is redacted is the text: a traceback becomes part of it, and the error itself is not in the record any more.
    Of what `extra` gives, JSON values stay values, anything else becomes its text. A rule that fails raises out of the
    call that logs.
    """
    if redact is None:
        yield
        return
    before, completes = logging.getLogRecordFactory(), logging.Logger.makeRecord

    def make(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = before(*arguments, **named)
        record.msg, record.args = redact(_message(record)), ()
        if record.exc_info:
            record.exc_text, record.exc_info = redact(logging.Formatter().formatException(record.exc_info)), None
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return record

    def complete(self: logging.Logger, *arguments: Any, **named: Any) -> logging.LogRecord:
        record = completes(self, *arguments, **named)
        extra = named.get("extra") or (arguments[_EXTRA] if len(arguments) > _EXTRA else None)
        if extra:
            for key in extra:
                del record.__dict__[key]
            record.__dict__.update(redact(_plain(extra)))
        return record

    logging.setLogRecordFactory(make)
    logging.Logger.makeRecord = complete  # type: ignore[method-assign]  # no factory ever sees `extra`
    try:
        yield
    finally:
        logging.Logger.makeRecord = completes  # type: ignore[method-assign]
        logging.setLogRecordFactory(before)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - right: a stranger's __str__; `logging` would print what it was given
        return f"a line that cannot be written: {type(error).__name__}"


def _plain(extra: Mapping[str, object]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, value in extra.items():
        try:
            plain[key] = as_json(value)
        except NotJsonError:
            plain[key] = _shown(value)
    return plain


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - right: a stranger's __repr__
        return type(value).__name__
