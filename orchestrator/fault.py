"""The fault: an exception kept as plain JSON, to be raised again in another process or in a replay."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from orchestrator.causes import kinds_of
from orchestrator.foreign import one_line


@dataclass(frozen=True, slots=True)
class Fault:
    """An exception as JSON.

    Attributes:
        module, name: of its class.
        kinds: names of the class and of those that it is made of.
        text: its message.
        attributes: what else it carries, as far as that is JSON.
    """

    module: str
    name: str
    kinds: tuple[str, ...] = ()
    text: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the fault as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Fault:
        """Return the fault that `to_json` described."""
        return cls(**{**body, "kinds": tuple(body.get("kinds", ()))})


class KeptError(Exception):
    """Raised in place of a kept exception whose class is not there; it has the same name, kinds and message."""


def keep(error: Exception) -> Fault:
    """Return what it takes to raise an exception again."""
    kind = type(error)
    attributes = {name: value for name, value in vars(error).items() if _is_json(value)}
    return Fault(kind.__module__, kind.__qualname__, kinds_of(error), _text(error), attributes)


def revive(fault: Fault) -> Exception:
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


def _loaded(fault: Fault) -> type[Exception] | None:
    found: Any = sys.modules.get(fault.module)
    for name in fault.name.split("."):
        found = getattr(found, name, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _stand_in(fault: Fault) -> type[Exception]:
    kind: type[Exception] = KeptError
    for name in reversed(fault.kinds or (fault.name.rpartition(".")[2],)):
        kind = type(name.replace("\0", ""), (kind,), {"__module__": fault.module})
    return kind


def _text(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - right: a stranger's __str__; what is kept of it is its name
        return one_line(error)


def _is_json(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:  # orjson.JSONEncodeError is one
        return False
    return True
