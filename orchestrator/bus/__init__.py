"""The bus: topics in, envelopes out."""

from orchestrator.bus.memory import Bus, BusStatistics, Tap
from orchestrator.bus.subscription import Subscription, SubscriptionStatistics

__all__ = ["Bus", "BusStatistics", "Subscription", "SubscriptionStatistics", "Tap"]
