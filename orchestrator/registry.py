"""The registry: the agents known to a run."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator

from orchestrator.agent import Agent, adopt
from orchestrator.errors import DuplicateAgentError, UnknownAgentError


class AgentRegistry:
    """Agents by name, in the order of registration."""

    def __init__(self) -> None:
        self._agents: dict[str, Agent] = {}
        self._digest = ""

    def add(self, candidate: object) -> Agent:
        """Take any object with a card and a `handle`; return it as an agent.

        Raises:
            CardError: if it is no agent; says what is missing.
            DuplicateAgentError: if the name is taken.
        """
        agent = adopt(candidate)
        if agent.card.name in self._agents:
            raise DuplicateAgentError(agent.card.name)
        self._agents[agent.card.name] = agent
        self._digest = ""
        return agent

    def remove(self, name: str) -> Agent:
        """Take an agent out and return it.

        Raises:
            UnknownAgentError: if there is none of this name.
        """
        agent = self.get(name)
        del self._agents[name]
        self._digest = ""
        return agent

    def get(self, name: str) -> Agent:
        """Return an agent.

        Raises:
            UnknownAgentError: if there is none of this name; suggests the nearest.
        """
        try:
            return self._agents[name]
        except KeyError:
            near = difflib.get_close_matches(name, self._agents, n=1)
            raise UnknownAgentError(name, f"did you mean {near[0]!r}?" if near else "") from None

    @property
    def digest(self) -> str:
        """16 hex digits over the cards of all agents, whatever the order in which they came."""
        if not self._digest:
            cards = sorted(f"{name}:{agent.card.digest}" for name, agent in self._agents.items())
            self._digest = hashlib.sha256("\n".join(cards).encode()).hexdigest()[:16]
        return self._digest

    def __contains__(self, name: str) -> bool:
        return name in self._agents

    def __iter__(self) -> Iterator[Agent]:
        return iter(tuple(self._agents.values()))

    def __len__(self) -> int:
        return len(self._agents)
