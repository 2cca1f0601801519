"""Collector: finds scenario files, loads them, and keeps what a tag and a name ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.errors import DocumentError
from scenarios.loader import SUFFIX, load_scenarios
from scenarios.scenario import Scenario

#: The scenarios that come with the package.
LIBRARY: Final = Path(__file__).parent / "library"
_NOT: Final = "not "


@dataclass(frozen=True, slots=True)
class Collection:
    """What was found.

    Attributes:
        scenarios: in the order of paths, and of rows within a file.
        broken: one error for each file that was refused; these are never filtered away.
        deselected: scenarios that a tag or the name left out.
    """

    scenarios: tuple[Scenario, ...] = ()
    broken: tuple[DocumentError, ...] = ()
    deselected: int = 0


def collect(paths: Iterable[str | Path], *, tags: Sequence[str] = (), name: str = "") -> Collection:
    """Load the scenarios of files and folders.

    Args:
        paths: a folder stands for every `*.scenario.yaml` in it or below; a file may have any name.
        tags: all must hold; `slow` asks for a tag, `not slow` for its absence.
        name: part of the title, whatever the case.
    """
    scenarios: list[Scenario] = []
    broken: list[DocumentError] = []
    for path in _files(paths):
        try:
            scenarios += load_scenarios(path)
        except DocumentError as error:
            broken.append(error)
    chosen = tuple(scenario for scenario in scenarios if _is_chosen(scenario, tags, name))
    return Collection(chosen, tuple(broken), len(scenarios) - len(chosen))


def _files(paths: Iterable[str | Path]) -> Iterator[Path]:
    seen: set[Path] = set()
    for path in map(Path, paths):
        found = sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
        for file in found:
            if file not in seen:
                seen.add(file)
                yield file


def _is_chosen(scenario: Scenario, tags: Sequence[str], name: str) -> bool:
    return name.lower() in scenario.title.lower() and all(
        (tag.removeprefix(_NOT) in scenario.tags) != tag.startswith(_NOT) for tag in tags
    )
