"""Pointsman's public names."""

from orchestrator.agent import Agent, AgentCard, TaskContext, agent
from orchestrator.decision import RoutingDecision
from orchestrator.desk import Ticket
from orchestrator.errors import AgentError, PointsmanError
from orchestrator.messages import Envelope, Result, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan, load_plan
from orchestrator.policy import Breaker, Policy, Retry
from orchestrator.settings import Settings, load_settings

__all__ = [
    "Agent",
    "AgentCard",
    "AgentError",
    "Breaker",
    "Envelope",
    "Orchestrator",
    "Plan",
    "PointsmanError",
    "Policy",
    "Result",
    "Retry",
    "RoutingDecision",
    "Settings",
    "Task",
    "TaskContext",
    "Ticket",
    "agent",
    "load_plan",
    "load_settings",
]
