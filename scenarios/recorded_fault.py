"""The recorded fault: what a read raised, kept as plain JSON, and raised again in a replay."""

from __future__ import annotations

import sys
from typing import Any

from orchestrator.causes import kinds_of
from orchestrator.foreign import one_line
from scenarios.cassette import RecordedFault
from scenarios.errors import RecordedError

_PLAIN = (str, int, float, bool, type(None))


def keep(error: Exception) -> RecordedFault:
    """Return what a replay needs in order to raise it again."""
    kind = type(error)
    attributes = {name: value for name, value in vars(error).items() if isinstance(value, _PLAIN)}
    return RecordedFault(
        module=kind.__module__, name=kind.__qualname__, kinds=kinds_of(error), text=_text(error), attributes=attributes
    )


def revive(fault: RecordedFault) -> Exception:
    """Return an exception that says the same, of the same class where that is loaded.

    Nothing is imported and no constructor runs: a file decides neither. Where the class is not there, or would say
    something else, it is one of the same names.
    """
    kind = _loaded(fault)
    if kind is not None:
        error = kind.__new__(kind, fault.text)
        error.args = (fault.text,)
        vars(error).update(fault.attributes)
        if _text(error) == fault.text:
            return error
    return _stand_in(fault)(fault.text)


def _loaded(fault: RecordedFault) -> type[Exception] | None:
    found: Any = sys.modules.get(fault.module)
    for name in fault.name.split("."):
        found = getattr(found, name, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _stand_in(fault: RecordedFault) -> type[Exception]:
    kind: type[Exception] = RecordedError
    for name in reversed(fault.kinds or (fault.name.rpartition(".")[2],)):
        kind = type(name, (kind,), {"__module__": fault.module})
    return kind


def _text(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - right: a stranger's __str__; what is recorded of it is its name
        return one_line(error)
