"""Routing: a router that sees requests redacted, so that a decision on record follows from the request on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.messages import EMPTY

if TYPE_CHECKING:
    from router import AgentProfile, Contribution, Prediction, Router
    from router.calibration import Calibration


class RedactedRouter:
    """Wraps a router. Whatever it decides and explains is about requests without their secrets.

    It delegates as `scenarios.threshold` does and shares nothing with it: this stands below the scenarios and loads the
    package `router` (and NumPy with it) only once a run has agents.
    """

    def __init__(self, router: Router, redact: Callable[[str], str]) -> None:
        self._router, self._redact = router, redact

    @property
    def fingerprint(self) -> str:
        """The router's."""
        return self._router.fingerprint

    @property
    def calibration(self) -> Calibration | None:
        """The router's; None where it has none."""
        calibration: Calibration | None = getattr(self._router, "calibration", None)
        return calibration

    def predict(self, text: str, vetoes: Mapping[str, str] = EMPTY) -> Prediction:
        """Decide about the redacted text."""
        return self._router.predict(self._redact(text), vetoes)

    def explain(self, text: str, agent: str) -> Sequence[Contribution]:
        """Explain the redacted text."""
        return self._router.explain(self._redact(text), agent)

    def add(self, profile: AgentProfile) -> None:
        """Add an agent to the router, if it learns agents."""
        from router import LearnsAgents

        if isinstance(self._router, LearnsAgents):
            self._router.add(profile)

    def remove(self, name: str) -> None:
        """Remove an agent from the router, if it learns agents."""
        from router import LearnsAgents

        if isinstance(self._router, LearnsAgents):
            self._router.remove(name)
