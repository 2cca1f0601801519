"""States: what a system under test looks like after a run, as JSON, from providers that plugins bring."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import orjson

from orchestrator.errors import PointsmanError
from orchestrator.foreign import as_json, describe

#: The entry-point group: the name of an entry point is the provider's, what it leads to a `StateProvider`.
GROUP: Final = "pointsman.states"
#: Given the workspace of a scenario after its run; returns JSON. It is called once, whatever expectations ask for.
StateProvider = Callable[[Path], Any]

_MOST: Final = 10_000_000


class StateError(PointsmanError):
    """Raised when a provider of a state cannot be used, or shows none; names it and its distribution."""


def json_files(workspace: Path) -> dict[str, Any]:
    """Return the contents of the JSON files in a workspace by their paths: the provider that is always there.

    It is also the double for those of real systems: what agents write to a file stands for what they would book.

    Raises:
        StateError: if one is no JSON, or they are too large together.
    """
    found: dict[str, Any] = {}
    left = _MOST
    for path in sorted(workspace.rglob("*.json")):
        name = path.relative_to(workspace).as_posix()
        left -= path.stat().st_size
        if left < 0:
            raise StateError(f"{name}: the JSON files of the workspace exceed {_MOST:,} bytes; write a provider")
        try:
            found[name] = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise StateError(f"{name}: {error}; correct it, or write a provider") from None
    return found


def known_providers() -> list[str]:
    """Return the names of the providers that there are."""
    return sorted({*_ALWAYS, *importlib.metadata.entry_points(group=GROUP).names})


def take_states(names: Iterable[str], workspace: Path) -> dict[str, Any]:
    """Return the states that these providers show.

    Raises:
        StateError: if one is not there, broken, or shows what is no JSON.
    """
    return {name: _take(name, workspace) for name in dict.fromkeys(names)}


def _take(name: str, workspace: Path) -> Any:
    if name in _ALWAYS:
        return _ALWAYS[name](workspace)
    owner = "?"
    try:
        entry_point = importlib.metadata.entry_points(group=GROUP)[name]
        owner = entry_point.dist.name if entry_point.dist else "?"
        return as_json(entry_point.load()(workspace))
    except (Exception, SystemExit) as error:  # right: a stranger's code
        said = f"state provider {name!r} of the distribution {owner!r} raised {describe(error)}"
        raise StateError(f"{said}; repair it") from error


_ALWAYS: Final[dict[str, StateProvider]] = {"json-files": json_files}
