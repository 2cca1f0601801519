"""Said: what a run logs by way of `logging`, without its secrets from the moment at which a record is made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def saying(redact: Callable[[Any], Any] | None) -> Iterator[None]:
    """Redact whatever is logged in the block, by whomever, wherever it goes: handlers see no other text.

    What is redacted is the text: a traceback becomes part of it, and the error itself is not in the record any more.
    A rule that fails raises out of the call that logs.
    """
    if redact is None:
        yield
        return
    before = logging.getLogRecordFactory()

    def make(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = before(*arguments, **named)
        record.msg, record.args = redact(_message(record)), ()
        if record.exc_info:
            record.exc_text, record.exc_info = redact(logging.Formatter().formatException(record.exc_info)), None
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return record

    logging.setLogRecordFactory(make)
    try:
        yield
    finally:
        logging.setLogRecordFactory(before)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - right: a stranger's __str__; `logging` would print what it was given
        return f"a line that cannot be written: {type(error).__name__}"
