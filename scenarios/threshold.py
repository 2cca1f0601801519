"""Threshold: a router that abstains below another confidence than its own, for scenarios that ask "what if"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.messages import EMPTY
from router import AgentProfile, Contribution, LearnsAgents, Prediction, Router
from router.calibration import Calibration
from router.protocol import Calibrated


class OtherThreshold:
    """Wraps a router. Scores, confidence and fingerprint stay; only where it abstains is moved, and no budget holds."""

    def __init__(self, router: Router, threshold: float) -> None:
        self._router, self._threshold = router, threshold

    @property
    def fingerprint(self) -> str:
        """The router's."""
        return self._router.fingerprint

    @property
    def calibration(self) -> Calibration | None:
        """The router's, if it has one."""
        return self._router.calibration if isinstance(self._router, Calibrated) else None

    def predict(self, text: str, vetoes: Mapping[str, str] = EMPTY) -> Prediction:
        """Decide as the router does, but with this threshold."""
        return self._router.predict(text, vetoes).under(self._threshold)

    def explain(self, text: str, agent: str) -> Sequence[Contribution]:
        """Explain as the router does."""
        return self._router.explain(text, agent)

    def add(self, profile: AgentProfile) -> None:
        """Add an agent to the router, if it learns agents."""
        if isinstance(self._router, LearnsAgents):
            self._router.add(profile)

    def remove(self, name: str) -> None:
        """Remove an agent from the router, if it learns agents."""
        if isinstance(self._router, LearnsAgents):
            self._router.remove(name)
