"""The enrolment: agents come and go, and registry, routers and supervisor hear of it together."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from orchestrator.agent import Agent
from orchestrator.bus import Bus
from orchestrator.code_digest import digest_code
from orchestrator.errors import BusClosedError
from orchestrator.plugins import BrokenPlugin, discover
from orchestrator.registry import AgentRegistry
from orchestrator.router_of_run import teach, unteach
from orchestrator.supervisor import Supervisor
from orchestrator.topics import AGENT_REGISTERED, AGENT_UNREGISTERED, PLUGIN_BROKEN

if TYPE_CHECKING:
    import structlog

    from router import Router


class Enrolment:
    """Takes agents into a run and lets them go, each change on record once everybody has heard of it."""

    def __init__(
        self,
        *,
        registry: AgentRegistry,
        routers: Sequence[Router],
        supervisor: Supervisor,
        bus: Bus,
        group: asyncio.TaskGroup,
        grace_s: float,
    ) -> None:
        self._registry, self._routers, self._supervisor = registry, routers, supervisor
        self._bus, self._group, self._grace_s = bus, group, grace_s

    async def enrol(self, candidate: object) -> Agent:
        """Add an agent; the routers know it at once, from its card.

        Raises:
            CardError: if it is not an agent.
            DuplicateAgentError: if its name is taken, or was and its tasks are not finished yet.
        """
        agent = self._registry.add(candidate)
        card = agent.card
        with ExitStack() as undo:
            undo.callback(self._registry.remove, card.name)
            self._supervisor.refuse(agent)
            for router in self._routers:
                teach(router, card)
            undo.pop_all()  # the supervisor and the routers took it
        budget = self._supervisor.start(agent).budget.to_json()
        about = {"agent": card.name, "version": card.version, "digest": card.digest, "code": digest_code(agent)}
        run = {"policy": self._supervisor.policy_of(agent).unusual()} | ({"budget": budget} if budget else {})
        await self._bus.publish(AGENT_REGISTERED, {**about, **run})
        return agent

    async def enrol_all(self, candidates: Sequence[object]) -> None:
        """Add the agents of a run, by name: in which order somebody gives or finds them decides nothing on record.

        It decides who comes after whom where one whose process died takes others with it.

        Raises:
            CardError: if one is not an agent.
            DuplicateAgentError: if two have one name.
        """
        self._supervisor.line_up([_name_of(candidate) for candidate in candidates])
        for candidate in sorted(candidates, key=_name_of):
            await self.enrol(candidate)

    async def report(
        self, broken: Iterable[BrokenPlugin], logger: structlog.typing.FilteringBoundLogger | None
    ) -> None:
        """Record plugins that could not be used, and log them where there is a logger."""
        for plugin in broken:
            await self._bus.publish(PLUGIN_BROKEN, dataclasses.asdict(plugin))
            if logger:
                logger.warning(PLUGIN_BROKEN, **dataclasses.asdict(plugin))

    async def dismiss(self, name: str) -> int:
        """Send an agent nothing more, let it finish what it has for the time of grace, and remove it.

        Returns:
            How many of its tasks were left at the deadline; they are dead letters.

        A caller cancelled here has dismissed the agent all the same.

        Raises:
            UnknownAgentError: if there is none of this name.
        """
        self._registry.remove(name)
        for router in self._routers:
            unteach(router, name)
        return await asyncio.shield(self._group.create_task(self._retire(name, self._grace_s), name=f"retire {name}"))

    def give_up(self, name: str, why: str) -> None:
        """Remove an agent at once; what it has not finished becomes dead letters."""
        if name in self._registry:  # else it is leaving already
            self._supervisor.hold(name)
            self._registry.remove(name)
            for router in self._routers:
                unteach(router, name)
            self._group.create_task(self._retire(name, 0, why), name=f"give up {name}")

    async def _retire(self, name: str, grace_s: float, why: str = "") -> int:
        try:
            left = await self._supervisor.retire(name, grace_s, why)
            await self._bus.publish(AGENT_UNREGISTERED, {"agent": name, "left": left} | ({"why": why} if why else {}))
        except BusClosedError:  # the run stopped first: its last row names what is unfinished
            return 0
        return left


def find_candidates(
    given: Iterable[object] | None, *, strict: bool
) -> tuple[tuple[object, ...], tuple[BrokenPlugin, ...]]:
    """Return the agents of a run, given or else found as plugins, and the plugins that cannot be used.

    Raises:
        PluginError: if one is broken and that is to be strict about.
    """
    if given is not None:
        return tuple(given), ()
    report = discover(strict=strict)
    return tuple(plugin.agent for plugin in report.loaded), report.broken


def _name_of(candidate: object) -> str:
    """Return an agent's name; of what is none, and will be refused, nothing."""
    return str(getattr(getattr(candidate, "card", None), "name", ""))
