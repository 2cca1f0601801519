"""The stand-in: an agent that does something around the calls of another one, wherever the handler of that runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

from orchestrator.agent import Agent
from orchestrator.context import TaskContext
from orchestrator.messages import Task

Handle = Callable[[Task, TaskContext], Awaitable[Any]]
#: Lets the process that served the last call end as if of itself, and counts its death; before that one has answered
#: it is only counted, for whoever cuts a call off has ended its process. Told whether it has answered.
Die = Callable[[bool], None]


@runtime_checkable
class StandIn(Protocol):
    """An agent that stands in for another one. One in a process of its own is found again by that one.

    Attributes:
        stands_for: the other one.
    """

    stands_for: Agent

    def around(self, handle: Handle, die: Die) -> Handle:
        """Return what makes a call, given what lets the handler of the other one work in its process."""
        ...


def around(agent: Agent, handle: Handle, die: Die) -> Handle:
    """Return what makes a call of an agent whose handler is elsewhere, through all who stand in for it."""
    if isinstance(agent, StandIn):
        return agent.around(around(agent.stands_for, handle, die), die)
    return handle


def real_agent(agent: Agent) -> Agent:
    """Return the agent that others stand in for, or itself."""
    while isinstance(agent, StandIn):
        agent = agent.stands_for
    return agent
