"""The errors of redaction: a branch of the tree in `orchestrator.errors`, on a page of its own."""

from __future__ import annotations

from orchestrator.errors import PointsmanError


class RedactionError(PointsmanError):
    """Raised when a rule of redaction cannot do its work; names the rule, never what it looked at."""

    def __init__(self, rule: str, problem: str) -> None:
        self.rule = rule
        super().__init__(f"redaction, rule {rule!r}: {problem}; nothing of it was written, and the run ends here")
