"""Whereabouts: where another process finds an agent again, `module:qualname`."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import sys
from collections.abc import Iterator
from typing import Any

from orchestrator.agent import Agent, AgentCard, adopt
from orchestrator.errors import CardError
from orchestrator.plugins import GROUP
from orchestrator.stand_in import real_agent


def whereabouts(agent: Agent) -> str:
    """Return where an agent is found again: at its entry point, or by the name that it has in its module.

    Raises:
        CardError: if it is found at neither; a process of its own could not run it.
    """
    agent = real_agent(agent)
    for reference in _candidates(agent):
        if _card_at(reference) == agent.card:
            return reference
    problem = "a process of its own cannot find it again; give it a name in a module that can be imported"
    raise CardError(agent.card.name, f"{problem}, or an entry point")


def find_again(reference: str) -> Agent:
    """Import a module and return the agent of that name in it.

    Raises:
        ImportError, AttributeError, CardError: if there is none; whatever else importing the module raises.
    """
    module, _, qualname = reference.partition(":")
    found: Any = functools.reduce(getattr, qualname.split("."), importlib.import_module(module))
    return adopt(found)


def _candidates(agent: Agent) -> Iterator[str]:
    for entry_point in importlib.metadata.entry_points(group=GROUP):
        if entry_point.module in sys.modules:  # else it cannot be where this one came from
            yield f"{entry_point.module}:{entry_point.attr}"
    module, qualname = getattr(agent, "__module__", ""), getattr(agent, "__qualname__", "")
    if qualname and "<" not in qualname:
        yield f"{module}:{qualname}"
    for home in {type(agent).__module__, _home_of_handler(agent)}:
        for name, value in list(vars(sys.modules.get(home, sys)).items()):
            if _card_of(value) == agent.card:
                yield f"{home}:{name}"


def _home_of_handler(agent: Agent) -> str:
    """Return the module of the object whose plain `handle` was moved to a thread by `adopt`."""
    for cell in getattr(getattr(agent, "__wrapped__", None), "__closure__", None) or ():
        owner = getattr(cell.cell_contents, "__self__", None)
        if owner is not None:
            return type(owner).__module__
    return type(agent).__module__


def _card_at(reference: str) -> AgentCard | None:
    module, _, qualname = reference.partition(":")
    found: Any = sys.modules.get(module)
    if module == "__main__":  # another process has another one
        return None
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return _card_of(found)


def _card_of(value: object) -> AgentCard | None:
    if isinstance(value, type):
        return None
    try:
        card = getattr(value, "card", None)
    except Exception:  # noqa: BLE001 - a stranger's property, of an object that only lies beside the agent
        return None
    return card if isinstance(card, AgentCard) else None
