"""The bus: topics in, envelopes out."""

from orchestrator.bus.memory import Bus, Fact, Tap
from orchestrator.bus.statistics import BusStatistics
from orchestrator.bus.subscription import Subscription, SubscriptionStatistics

__all__ = ["Bus", "BusStatistics", "Fact", "Subscription", "SubscriptionStatistics", "Tap"]
