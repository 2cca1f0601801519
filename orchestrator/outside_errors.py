"""The errors of what leads out of a run: a branch of the tree in `orchestrator.errors`, on a page of its own."""

from __future__ import annotations

from orchestrator.errors import AgentError


class UnrepeatableError(AgentError):
    """Raised when a handler in virtual time starts what no seed decides, such as a thread; names its line.

    Attributes:
        what: that was started.
        line: of the handler's own code; empty where it is not known.
    """

    def __init__(self, what: str, line: str, instead: str) -> None:
        self.what, self.line = what, line
        at = f"{line}: " if line else ""
        super().__init__(f"{at}{what} beside the run, whose moments no seed decides; {instead}")
