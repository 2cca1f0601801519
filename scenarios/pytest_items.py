"""What pytest collects of scenario files: a file, its items, and the agents and the router that they share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, Final, get_args

import pytest

from orchestrator.agent import Agent, adopt
from orchestrator.errors import DocumentError, PointsmanError
from orchestrator.plugins import discover
from orchestrator.redaction import DEFAULT, NONE, RedactionError, Redactor, read_profile
from orchestrator.router_of_run import load_router
from orchestrator.settings import SETTINGS_FILE, load_settings
from router import Router
from scenarios.builds import is_build
from scenarios.cassette import RecordMode
from scenarios.loader import load_scenarios
from scenarios.mask import Mask
from scenarios.own_cassette import OwnCassette, place_of
from scenarios.report import describe, label
from scenarios.runner import ScenarioResult, run_scenario
from scenarios.scenario import Scenario

#: Longer names are cut: a node id is read by people, and part of file names.
_LONGEST: Final = 150


class ScenarioFailedError(Exception):
    """Raised when a scenario did not pass; pytest shows its report instead of a traceback."""

    def __init__(self, result: ScenarioResult) -> None:
        self.result = result
        super().__init__(result.scenario.title)


class FlakyWarning(pytest.PytestWarning):
    """Issued where a scenario passed as often as it had to, and not always: that is no plain pass."""


class Stock:
    """What the scenarios of a session share: settings as of `pointsman test`, agents and the router's model."""

    def __init__(self, config: pytest.Config) -> None:
        file = config.rootpath / SETTINGS_FILE
        try:
            self._settings = load_settings(file if file.exists() else None, os.environ)
        except DocumentError as error:
            raise pytest.UsageError(str(error)) from None
        self._config = config
        self._agents: list[Agent] | None = None

    def agents(self) -> list[Agent]:
        """Return the installed agents and those of `pytest_pointsman_agents`; they are looked for once."""
        if self._agents is None:
            installed = [plugin.agent for plugin in discover(strict=self._settings.strict_plugins).loaded]
            found = {agent.card.name: agent for agent in [*installed, *self._own()]}
            self._agents = list(found.values())
        return self._agents

    def router(self) -> Router:
        """Return a router without candidates."""
        return load_router(self._settings)

    @property
    def redact(self) -> str:
        """Profile of redaction for scenarios that name none."""
        return self._settings.redact

    def _own(self) -> Iterator[Agent]:
        answers: Iterable[Iterable[object]] = self._config.hook.pytest_pointsman_agents(config=self._config)
        return (adopt(candidate) for candidates in answers for candidate in candidates)


_STOCK: Final = pytest.StashKey[Stock]()


def _stock_of(config: pytest.Config) -> Stock:
    if _STOCK not in config.stash:
        config.stash[_STOCK] = Stock(config)
    return config.stash[_STOCK]


def open_cassette(request: pytest.FixtureRequest) -> OwnCassette:
    """Return the cassette of a test, as its marker `cassette` and the option say; what cannot be fails the test."""
    test, stock = request.node, _stock_of(request.config)
    marker = test.get_closest_marker("cassette")
    said = dict(marker.kwargs) if marker is not None else {}
    if (marker is not None and marker.args) or set(said) - {"path", "record", "redact"}:
        pytest.fail("the marker `cassette` takes path=, record=, redact= and nothing else", pytrace=False)
    named: str = said.get("redact") or ""
    mode: Any = said.get("record") or "once"
    if named not in ("", DEFAULT, NONE):
        named = str(test.path.parent / named)  # what the settings name is found from where pytest was started
    if mode not in get_args(RecordMode):
        pytest.fail(f"record={mode!r} is none of {', '.join(get_args(RecordMode))}", pytrace=False)
    try:
        profile = read_profile(named or stock.redact or DEFAULT)
        call = getattr(test, "callspec", None)
        name = ".".join(test.nodeid.split("::")[1:])
        place = place_of(test.path, name, call.indices if call else {}, profile)
        path = test.path.parent / said["path"] if said.get("path") else place
        wanted: RecordMode = request.config.getoption("pointsman_record") or mode
        return OwnCassette(path, wanted, profile, build=is_build(os.environ))
    except PointsmanError as error:
        pytest.fail(str(error), pytrace=False)


class ScenarioFile(pytest.File):
    """A scenario file; a broken one is a collection error with its line and column."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item for each row of the examples, or one."""
        try:
            scenarios, redact = load_scenarios(self.path), _stock_of(self.config).redact
            names = [_name_of(scenario, redact) for scenario in scenarios]
        except DocumentError as error:
            raise self.CollectError(str(error)) from None
        for name, scenario in zip(names, scenarios, strict=True):
            # The id is given as text: pytest 9 reads `[1]` at its end as parameters, and would not find it by the name.
            item = ScenarioItem.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}", scenario=scenario)
            for tag in scenario.tags:
                _mark(item, tag)
            yield item


class ScenarioItem(pytest.Item):
    """One scenario."""

    def __init__(self, *, scenario: Scenario, **others: Any) -> None:
        super().__init__(**others)
        self.scenario = scenario
        self._redact: Redactor | None = None

    def runtest(self) -> None:
        """Play it, and judge it.

        Raises:
            ScenarioFailedError: if it did not pass.
        """
        stock = _stock_of(self.config)
        agents = stock.agents() if self.scenario.given.agents else []
        record = self.config.getoption("pointsman_record")
        result = run_scenario(self.scenario, agents=agents, router=stock.router, record=record, redact=stock.redact)
        self._redact = result.redact
        self.user_properties += [("seed", self.scenario.seed), ("virtual_s", result.duration_s)]
        if label(result) == "flaky":
            self.warn(FlakyWarning(f"{self.name}: {result.series}"))
        if result.verdict != "passed":
            raise ScenarioFailedError(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the scenario's own report; a traceback only for what is no fault of the scenario's."""
        if isinstance(excinfo.value, ScenarioFailedError):
            return describe(excinfo.value.result)
        return super().repr_failure(excinfo, style)

    def pointsman_cleaned(self, report: pytest.TestReport) -> pytest.TestReport:
        """Return a report of which nothing that was captured holds a secret."""
        if self._redact is not None:
            report.sections = [(name, _cleaned(self._redact, text)) for name, text in report.sections]
        return report

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Say what it is called."""
        return self.path, 0, self.name


def _cleaned(redact: Redactor, text: str) -> str:
    try:
        return str(redact(text))
    except RedactionError as error:
        return str(error)


def _name_of(scenario: Scenario, redact: str) -> str:
    """Return the title as part of a node id, in which `::` separates the parts; with the row, names are unique."""
    profile = read_profile(scenario.profile(redact))
    shown = scenario.name if profile is None else Mask(profile).redact(scenario.name)
    name = " ".join(shown.replace("::", ":").split())
    short = name if len(name) <= _LONGEST else name[: _LONGEST - 3] + "..."
    return f"{short} [{scenario.row}]" if scenario.row else short


def _mark(item: pytest.Item, tag: str) -> None:
    """Give an item a mark for `-m`, and register it: under --strict-markers an unknown mark is an error.

    A tag by the name of a mark that takes arguments, such as `timeout` or `skip`, is for `-k` alone.
    """
    known = {line.partition(":")[0].strip() for line in item.config.getini("markers")}
    item.extra_keyword_matches.add(tag)
    if tag.startswith("_") or any(line.startswith(f"{tag}(") for line in known):
        return
    if tag not in known:
        item.config.addinivalue_line("markers", f"{tag}: scenarios with this tag")
    item.add_marker(tag)
