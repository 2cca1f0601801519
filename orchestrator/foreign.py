"""Foreign values: what a stranger's code returned or raised, made fit for a record."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from pydantic_core import to_jsonable_python

from orchestrator.errors import NotJsonError

_MAX_ERROR: Final = 500
#: What messages of errors go through before they are cut; None where they stay. Half a secret is not seen as one.
PASSED: Final[ContextVar[Callable[[str], str] | None]] = ContextVar("passed", default=None)


def as_json(output: Any) -> Any:
    """Return plain JSON of models, dataclasses and the like; NaN and infinity, which JSON does not have, are null.

    Raises:
        NotJsonError: if it cannot be made JSON: an unknown type, bytes that are no text, or circular.
    """
    try:
        return to_jsonable_python(output, inf_nan_mode="null")
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from error


def one_line(error: BaseException) -> str:
    """Return the message of an error in one line of bounded length; its type where it says nothing."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a stranger's __str__
        text = ""
    line = (
        " ".join((text if (passes := PASSED.get()) is None else passes(text)).split())[:_MAX_ERROR]
        .encode("utf-8", "backslashreplace")
        .decode()
    )
    return line or type(error).__name__


def describe(error: BaseException) -> str:
    """Return the class of an error and what it says, in one line."""
    return f"{type(error).__name__}: {one_line(error)}"
