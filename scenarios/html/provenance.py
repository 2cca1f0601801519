"""Provenance: what a run was made with: seed, router, versions and code of its agents; and what befell it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from orchestrator import topics
from orchestrator.messages import Envelope

#: Rows about the run that people should see, and at most so many of them.
_NOTABLE: Final = frozenset(
    {
        topics.RUN_RESUMED, topics.RUN_STUCK, topics.RUN_BLOCKED, topics.PLUGIN_BROKEN, topics.AGENT_UNREGISTERED,
        topics.ROUTER_PROMOTED, topics.ROUTER_ROLLED_BACK, topics.JOURNAL_PRUNED, topics.JOURNAL_RECOVERED,
    }
)  # fmt: skip
MOST: Final = 100


@dataclass(slots=True)
class Provenance:
    """What is known of a run beside its tasks.

    Attributes:
        begun: body of the row with which it began.
        stopped: body of the row with which it stopped; None if it did not, or the journal is cut off before.
        agents: bodies of the registrations.
        notable: topic, time and body of what befell the run, the first of it.
        counts: how often each topic came that is about the run.
    """

    begun: dict[str, Any] = field(default_factory=dict)
    stopped: dict[str, Any] | None = None
    agents: list[dict[str, Any]] = field(default_factory=list)
    notable: list[tuple[str, float, dict[str, Any]]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def take(self, envelope: Envelope) -> None:
        """Take a row in; one that says nothing of the run as a whole is passed over."""
        topic, body = envelope.topic, dict(envelope.body)
        if topic == topics.RUN_STARTED:
            self.begun = body
        elif topic == topics.RUN_STOPPED:
            self.stopped = body
        elif topic == topics.AGENT_REGISTERED:
            self.agents.append(body)
        elif topic in _NOTABLE:
            self.counts[topic] += 1
            if topic == topics.RUN_RESUMED:
                self.stopped = None
            if len(self.notable) < MOST:
                self.notable.append((topic, envelope.at, body))
