"""Mentions: whom and what the parts of a scenario name, checked against those that it has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from orchestrator.documents import Document, suggest
from orchestrator.places import Loc
from scenarios.entry import Entry
from scenarios.given import Given
from scenarios.scenario import ScenarioEntry
from scenarios.states import known_providers


class Mentions:
    """Refuses what names an agent, a task or a state provider that the scenario does not have, at its place."""

    def __init__(self, document: Document, given: Given) -> None:
        self._document, self._given = document, given
        self._agents = [*given.agents, *(double.agent for double in given.scripted)]
        #: Tasks that scripted agents add under names of their own.
        self.added = frozenset(task.id for double in given.scripted for task in double.behaviour.adds_tasks if task.id)

    def check_given(self) -> None:
        """Refuse a cast that has nobody, somebody twice, or rules for somebody who is not in it."""
        document, given = self._document, self._given
        if not self._agents:
            raise document.error(("given",), "no agents are given", "add `agents: all`, some names, or `scripted:`")
        names = list(given.agents)
        for index, double in enumerate(given.scripted):
            for number, added in enumerate(double.behaviour.adds_tasks):
                place = ("given", "scripted", index, "behaviour", "adds_tasks", number)
                task = added.to_task(added.id or "added", document, place)
                if task.agent:
                    self.check_agent(task.agent, (*place, "agent"))
            if double.agent in names:
                loc = ("given", "scripted", index, "agent")
                raise document.error(loc, f"agent {double.agent!r} is given twice", "choose another name")
            names.append(double.agent)
        for name in given.policy:
            self.check_agent(name, ("given", "policy", name), key=True)
        if given.fallback:
            self.check_agent(given.fallback, ("given", "fallback"))

    def check_agent(self, name: str, loc: Loc, *, key: bool = False) -> None:
        """Refuse an agent that is not given."""
        if not self._given.all_agents and name not in self._agents:
            problem = f"agent {name!r} is not among the given ones"
            raise self._document.error(loc, problem, suggest(name, self._agents), key=key)

    def check_task(self, name: str, loc: Loc, known: Collection[str]) -> None:
        """Refuse a task that no step submits and no agent may have added below one of them."""
        if name not in known and not any(name.startswith(f"{parent}/") for parent in known):
            raise self._document.error(loc, f"no step submits a task {name!r}", suggest(name, known))

    def check_people(self, known: Collection[str]) -> None:
        """Refuse people who answer for a task that is not there."""
        for index, person in enumerate(self._given.people):
            self.check_task(person.task, ("given", "people", index, "task"), known)

    def check_entries(self, part: str, entries: Sequence[Entry], known: Collection[str]) -> None:
        """Refuse what expectations or faults say of a task or an agent that is not there."""
        for index, one in enumerate(entries):
            stated = one.model_dump(include={"task", "tasks", "to", "agent"}, exclude_defaults=True)
            for loc, name in _names(stated, (part, index)):
                if loc[2] in ("to", "agent"):
                    self.check_agent(name, loc)
                else:
                    self.check_task(name, loc, known)

    def check_states(self, entry: ScenarioEntry) -> None:
        """Refuse a state that nobody provides."""
        for index, one in enumerate(entry.then):
            for name in one.reads:
                known = known_providers()
                if name not in known:
                    raise self._document.error(
                        ("then", index, "of"), f"no state provider {name!r}", suggest(name, known)
                    )


def _names(stated: dict[str, Any], loc: Loc) -> Iterator[tuple[Loc, str]]:
    for key, value in stated.items():
        if isinstance(value, str):
            yield (*loc, key), value
        else:
            yield from (((*loc, key, index), name) for index, name in enumerate(value))
