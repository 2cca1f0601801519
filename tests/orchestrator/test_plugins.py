import importlib.metadata
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint
from types import ModuleType

import pytest

from orchestrator import plugins
from orchestrator.errors import PluginError
from orchestrator.plugins import BrokenPlugin, discover
from orchestrator.testing import ScriptedAgent


class FakeDistribution(Distribution):
    """A distribution that consists of its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str:
        return "1.2"

    def read_text(self, filename: str) -> str | None:
        return None

    def locate_file(self, path: object) -> object:  # type: ignore[override]
        raise FileNotFoundError(path)


def entry(name: str, value: str, distribution: str = "their-agents") -> EntryPoint:
    point = EntryPoint(name, value, plugins.GROUP)
    point._for(FakeDistribution(distribution))  # type: ignore[attr-defined]
    return point


@pytest.fixture
def module() -> Iterator[ModuleType]:
    made = ModuleType("a_plugin_module")
    made.one = ScriptedAgent("one")  # type: ignore[attr-defined]
    made.also_one = ScriptedAgent("one")  # type: ignore[attr-defined]
    made.nothing = object()  # type: ignore[attr-defined]
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


class Exploding:
    """Fails in the middle of being imported, as a stranger's module may."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "exploding":
            raise self._error


def only_problem(point: EntryPoint) -> BrokenPlugin:
    report = discover(entry_points=[point])
    assert report.loaded == ()
    return report.broken[0]


def test_an_agent_is_found_with_its_origin(module: ModuleType) -> None:
    """A loaded plugin says which entry point of which distribution and version it is."""
    plugin = discover(entry_points=[entry("one", "a_plugin_module:one")]).loaded[0]
    assert plugin.agent is module.one
    assert (plugin.entry_point, plugin.distribution, plugin.version) == ("one", "their-agents", "1.2")


@pytest.mark.parametrize("error", [RuntimeError("no\n  licence"), SystemExit("no licence"), ImportError("no licence")])
def test_whatever_an_import_raises_breaks_that_plugin_only(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, error: BaseException
) -> None:
    """A broken plugin is reported on one line with its distribution; the others are loaded."""
    monkeypatch.setattr(sys, "meta_path", [Exploding(error), *sys.meta_path])
    points = [entry("bad", "exploding:agent", "broken-agents"), entry("one", "a_plugin_module:one")]
    report = discover(entry_points=points)
    assert [plugin.entry_point for plugin in report.loaded] == ["one"]
    assert report.broken == (
        BrokenPlugin(
            "bad", "broken-agents", "1.2", f"loading 'exploding:agent' raised {type(error).__name__}: no licence"
        ),
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("a_plugin_module:nothing", "it has no `card` of type AgentCard"),
        ("a_plugin_module:missing", "raised AttributeError"),
        ("no_such_module_at_all:agent", "raised ModuleNotFoundError"),
    ],
)
def test_an_entry_point_without_an_agent_is_reported(module: ModuleType, value: str, problem: str) -> None:
    """The problem says what was found instead of an agent."""
    assert problem in only_problem(entry("x", value)).problem


def test_of_two_agents_of_one_name_the_second_is_refused_and_the_first_distribution_named(module: ModuleType) -> None:
    """Distributions come in the order of their names, so that the same one wins on every machine."""
    points = [entry("b", "a_plugin_module:also_one", "b-agents"), entry("a", "a_plugin_module:one", "a-agents")]
    report = discover(entry_points=points)
    assert [plugin.distribution for plugin in report.loaded] == ["a-agents"]
    assert "'one' is already taken by distribution 'a-agents'" in report.broken[0].problem


def test_strict_mode_stops_at_the_first_broken_plugin(module: ModuleType) -> None:
    """Under --strict-plugins a broken plugin is an error that names the distribution to fix."""
    with pytest.raises(PluginError, match="fix or uninstall their-agents") as caught:
        discover(strict=True, entry_points=[entry("x", "a_plugin_module:nothing")])
    assert caught.value.distribution == "their-agents"


def test_a_package_shipped_by_two_distributions_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """`agents` is also openai-agents' package: the message names both distributions and the way out."""
    shipped = {"agents": ["openai-agents", "pointsman", "pointsman"]}
    monkeypatch.setattr(importlib.metadata, "packages_distributions", lambda: shipped)
    problem = only_problem(entry("sql-checker", "agents.no_such_module:x", "pointsman")).problem
    assert "shipped by openai-agents and by pointsman: use separate environments" in problem


def test_an_entry_point_without_a_distribution_is_reported_all_the_same() -> None:
    """An entry point made by hand has no distribution: it is shown as '?'."""
    assert only_problem(EntryPoint("x", "no_such_module_at_all:y", plugins.GROUP)).distribution == "?"


def test_without_arguments_the_installed_plugins_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the group `pointsman.agents` counts."""
    asked: list[str] = []

    def entry_points(*, group: str) -> list[EntryPoint]:
        asked.append(group)
        return []

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    assert discover() == plugins.PluginReport()
    assert asked == ["pointsman.agents"]
