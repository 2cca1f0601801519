"""The pytest plugin: its hooks and fixtures. Loaded wherever we are installed, it imports nothing but pytest."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from scenarios.fixtures import CapturedJournal, OrchestratorFactory, VirtualTime

#: As in `scenarios.loader`, which is not imported before there is such a file.
SUFFIX: Final = ".scenario.yaml"


class Hooks:
    """The hooks that we offer."""

    @pytest.hookspec
    def pytest_pointsman_agents(self, config: pytest.Config) -> Iterable[object]:  # type: ignore[empty-body]  # a specification
        """Return agents that scenarios may name beside the installed ones; of two with one name yours is taken."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Offer our hooks."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a scenario file: one item for each row of its examples."""
    if not file_path.name.endswith(SUFFIX):
        return None
    from scenarios.pytest_items import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)


@pytest.fixture
def virtual_clock() -> VirtualTime:
    """Time that moves only when nothing is left to do: `virtual_clock.run(main())` takes hours in milliseconds."""
    from scenarios.fixtures import VirtualTime

    return VirtualTime()


@pytest.fixture
def capture_journal() -> CapturedJournal:
    """The journals of the runs of this test, in memory: rows, decisions and what became of each task."""
    from scenarios.fixtures import CapturedJournal

    return CapturedJournal()


@pytest.fixture
def orchestrator(virtual_clock: VirtualTime, capture_journal: CapturedJournal, tmp_path: Path) -> OrchestratorFactory:
    """A factory of orchestrators in virtual time, whose journals `capture_journal` keeps; the folder is `tmp_path`."""
    from scenarios.fixtures import OrchestratorFactory

    return OrchestratorFactory(virtual_clock, capture_journal, tmp_path)
