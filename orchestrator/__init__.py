"""Pointsman's public names.

What defines an agent is imported at once; what runs them when it is first asked for, so that a package which only
offers an agent does not load the engine.
"""

import importlib
from typing import TYPE_CHECKING, Any

from orchestrator.agent import Agent, AgentCard, agent
from orchestrator.budget import Budget
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError, BudgetExceededError, PointsmanError
from orchestrator.http_errors import HttpError
from orchestrator.messages import Envelope, Result, Task
from orchestrator.policy import Breaker, Policy, Retry
from orchestrator.restarts import Restart

if TYPE_CHECKING:
    from orchestrator.decision import RoutingDecision
    from orchestrator.desk import Ticket
    from orchestrator.http import HttpAnswer, HttpBudget, HttpClient, HttpPolicy
    from orchestrator.judgement import Judgement
    from orchestrator.orchestrator import Orchestrator
    from orchestrator.plan import Plan, load_plan
    from orchestrator.settings import Settings, load_settings

__all__ = [
    "Agent",
    "AgentCard",
    "AgentError",
    "Breaker",
    "Budget",
    "BudgetExceededError",
    "Envelope",
    "HttpAnswer",
    "HttpBudget",
    "HttpClient",
    "HttpError",
    "HttpPolicy",
    "Judgement",
    "Orchestrator",
    "Plan",
    "PointsmanError",
    "Policy",
    "Restart",
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

_WHEN_ASKED_FOR = {
    "HttpAnswer": "orchestrator.http",
    "HttpBudget": "orchestrator.http",
    "HttpClient": "orchestrator.http",
    "HttpPolicy": "orchestrator.http",
    "Judgement": "orchestrator.judgement",
    "Orchestrator": "orchestrator.orchestrator",
    "Plan": "orchestrator.plan",
    "RoutingDecision": "orchestrator.decision",
    "Settings": "orchestrator.settings",
    "Ticket": "orchestrator.desk",
    "load_plan": "orchestrator.plan",
    "load_settings": "orchestrator.settings",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _WHEN_ASKED_FOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_WHEN_ASKED_FOR[name]), name)
