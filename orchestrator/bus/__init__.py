"""The bus: topics in, envelopes out."""

from orchestrator.bus.memory import Bus, Tap
from orchestrator.bus.statistics import BusStatistics
from orchestrator.bus.subscription import Subscription, SubscriptionStatistics

__all__ = ["Bus", "BusStatistics", "Subscription", "SubscriptionStatistics", "Tap"]
