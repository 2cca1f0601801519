"""Statistics of the bus: what became of every delivery."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.bus.subscription import SubscriptionStatistics


@dataclass(frozen=True, slots=True)
class BusStatistics:
    """A snapshot of the bus. `accepted` always equals the sum of the counts after it.

    Attributes:
        published: envelopes given to `publish`, `request` and `reply`.
        accepted: deliveries: one for each envelope and subscription, one for an envelope that only the tap heard,
            one for an envelope that nobody heard (a dead letter), one for a reply.
        handled, dead_lettered, expired: the three ends of a delivery.
        queued, in_hand: deliveries on their way.
        subscriptions: the open ones.
        full: those of them that a publisher waits for, by their patterns.
    """

    published: int
    accepted: int
    handled: int
    dead_lettered: int
    expired: int
    queued: int
    in_hand: int
    subscriptions: int
    full: tuple[str, ...] = ()


@dataclass(slots=True)
class Deliveries:
    """Counts of deliveries; the bus keeps those of closed subscriptions here."""

    accepted: int = 0
    handled: int = 0
    dead_lettered: int = 0
    expired: int = 0
    queued: int = 0
    in_hand: int = 0

    def add(self, other: SubscriptionStatistics) -> None:
        """Add the counts of one subscription."""
        self.accepted += other.accepted
        self.handled += other.handled
        self.dead_lettered += other.dead_lettered
        self.expired += other.expired
        self.queued += other.queued
        self.in_hand += other.in_hand

    def copy(self) -> Deliveries:
        """Return the ends so far, as a start for adding those of the open subscriptions."""
        return Deliveries(self.accepted, self.handled, self.dead_lettered, self.expired)
