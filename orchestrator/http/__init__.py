"""The HTTP client for agents, of the extra `http`."""

from orchestrator.http.answer import HttpAnswer
from orchestrator.http.client import HttpClient
from orchestrator.http.policy import HttpBudget, HttpPolicy
from orchestrator.http.pool import PoolStatistics
from orchestrator.http.statistics import HttpStatistics
from orchestrator.http.transport import GuardedTransport

__all__ = [
    "GuardedTransport",
    "HttpAnswer",
    "HttpBudget",
    "HttpClient",
    "HttpPolicy",
    "HttpStatistics",
    "PoolStatistics",
]
