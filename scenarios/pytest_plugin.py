"""The pytest plugin: its hooks and fixtures. Loaded wherever we are installed, it imports nothing but pytest."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from scenarios.fixtures import CapturedJournal, OrchestratorFactory, VirtualTime
    from scenarios.own_cassette import OwnCassette

#: As in `scenarios.loader`, which is not imported before there is such a file.
SUFFIX: Final = ".scenario.yaml"
#: As `scenarios.cassette.RecordMode`, for the same reason.
_MODES: Final = ("none", "once", "new", "all")
_MARKER: Final = (
    "cassette(path=None, record=None, redact=None): where the `cassette` of a test is, from its own folder; what is"
    " done with it; the profile of what is taken out of it"
)


class Hooks:
    """The hooks that we offer."""

    @pytest.hookspec
    def pytest_pointsman_agents(self, config: pytest.Config) -> Iterable[object]:  # type: ignore[empty-body]  # a specification
        """Return agents that scenarios may name beside the installed ones; of two with one name yours is taken."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Offer our hooks."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer our option."""
    about = "what to do with cassettes, as `pointsman test --record`, instead of what scenarios and tests say"
    group = parser.getgroup("pointsman")
    group.addoption("--pointsman-record", choices=_MODES, default=None, dest="pointsman_record", help=about)


def pytest_configure(config: pytest.Config) -> None:
    """Register our marker; refuse to record in a build."""
    config.addinivalue_line("markers", _MARKER)
    if (mode := config.getoption("pointsman_record")) not in (None, "none"):
        from scenarios.builds import is_build

        if is_build(os.environ):
            raise pytest.UsageError(f"--pointsman-record={mode}: CI is set, and a build records nothing")


@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, None]:
    """See that a test with a cassette has read all of it."""
    outcome = yield
    own = pyfuncitem.funcargs.get("cassette")
    if own is not None and outcome.excinfo is None:
        from scenarios.errors import StrayReadError
        from scenarios.own_cassette import OwnCassette

        try:
            own.finish() if isinstance(own, OwnCassette) else None
        except StrayReadError as error:
            outcome.force_exception(pytest.fail.Exception(str(error), pytrace=False))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Take the secrets out of what was captured while a scenario was played."""
    outcome = yield
    cleaned = getattr(item, "pointsman_cleaned", None)
    if cleaned is not None:
        outcome.force_result(cleaned(outcome.get_result()))


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


@pytest.fixture
def cassette(
    request: pytest.FixtureRequest, orchestrator: OrchestratorFactory, virtual_clock: VirtualTime
) -> OwnCassette:
    """What the agents of this test read from outside: recorded beside the test the first time, and played after that.

    `orchestrator` and `virtual_clock` go through it. Nothing is recorded where CI is set.
    """
    from scenarios.pytest_items import open_cassette

    own = open_cassette(request)
    orchestrator.outside_of, virtual_clock.through = own.of, own.run
    return own
