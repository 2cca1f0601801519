"""Plugins: agents found by entry point, whoever wrote them; a broken one is reported, not fatal."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Final

from orchestrator.agent import Agent, adopt
from orchestrator.errors import CardError, PluginError

GROUP: Final = "pointsman.agents"


@dataclass(frozen=True, slots=True)
class Plugin:
    """An agent and where it came from."""

    agent: Agent
    entry_point: str
    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """An entry point that gave no agent, with the distribution to blame and one line why."""

    entry_point: str
    distribution: str
    version: str
    problem: str


@dataclass(frozen=True, slots=True)
class PluginReport:
    """What discovery found."""

    loaded: tuple[Plugin, ...] = ()
    broken: tuple[BrokenPlugin, ...] = ()


def discover(*, strict: bool = False, entry_points: Iterable[EntryPoint] | None = None) -> PluginReport:
    """Load every agent that an installed distribution offers in the entry-point group `pointsman.agents`.

    Args:
        strict: a broken plugin is an error.
        entry_points: instead of those installed.

    Raises:
        PluginError: under `strict`, for the first broken plugin.
    """
    found = importlib.metadata.entry_points(group=GROUP) if entry_points is None else entry_points
    loaded: dict[str, Plugin] = {}
    broken: list[BrokenPlugin] = []
    for entry_point in sorted(found, key=lambda ep: (_origin(ep), ep.name)):
        outcome = _load(entry_point, loaded)
        if isinstance(outcome, Plugin):
            loaded[outcome.agent.card.name] = outcome
        elif strict:
            raise PluginError(outcome.entry_point, outcome.distribution, outcome.problem)
        else:
            broken.append(outcome)
    return PluginReport(tuple(loaded.values()), tuple(broken))


def _load(entry_point: EntryPoint, taken: dict[str, Plugin]) -> Plugin | BrokenPlugin:
    distribution = entry_point.dist.name if entry_point.dist else "?"
    version = entry_point.dist.version if entry_point.dist else "?"
    try:
        agent = adopt(entry_point.load())
    except CardError as error:
        problem = str(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - importing a plugin runs a stranger's code
        said = " ".join(str(error).split())
        problem = f"loading {entry_point.value!r} raised {type(error).__name__}: {said}" + _clash(entry_point)
    else:
        other = taken.get(agent.card.name)
        if other is None:
            return Plugin(agent, entry_point.name, distribution, version)
        problem = f"agent name {agent.card.name!r} is already taken by distribution {other.distribution!r}"
    return BrokenPlugin(entry_point.name, distribution, version, problem)


def _origin(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist else ""


def _clash(entry_point: EntryPoint) -> str:
    """Explain the one clash that is known: other distributions also ship a top-level package `agents`."""
    package = entry_point.module.split(".")[0]
    owners = sorted(set(importlib.metadata.packages_distributions().get(package, ())))
    if len(owners) < 2:
        return ""
    return f" (the package {package!r} is shipped by {' and by '.join(owners)}: use separate environments)"
