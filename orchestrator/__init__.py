"""Pointsman's public names."""

from orchestrator.agent import Agent, AgentCard, TaskContext, agent
from orchestrator.errors import AgentError, PointsmanError
from orchestrator.messages import Envelope, Result, Task
from orchestrator.policy import Breaker, Policy, Retry

__all__ = [
    "Agent",
    "AgentCard",
    "AgentError",
    "Breaker",
    "Envelope",
    "PointsmanError",
    "Policy",
    "Result",
    "Retry",
    "Task",
    "TaskContext",
    "agent",
]
