"""Journal: the contract that its implementations share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from orchestrator.messages import Envelope


@dataclass(frozen=True, slots=True)
class JournalStatistics:
    """A snapshot.

    Attributes:
        appended: rows taken.
        durable: rows that a crash can no longer lose.
        commits: transactions; `durable / commits` is the size of the group commit.
    """

    appended: int
    durable: int
    commits: int


class Journal(Protocol):
    """Takes envelopes in order and says when they are safe."""

    @property
    def epoch(self) -> int:
        """How many owners the run has had, this one included: 1 for a run that was never resumed."""
        ...

    def append(self, envelope: Envelope) -> bool:
        """Take an envelope at once. False asks the caller to wait for `sync` before it goes on appending.

        Raises:
            JournalError: if the body is not JSON, or the journal has failed or is closed.
        """
        ...

    async def sync(self) -> None:
        """Wait until every row appended so far is safe.

        Raises:
            JournalError: if they could not be written.
        """
        ...

    async def aclose(self) -> None:
        """Write what is left and close; a second call does nothing."""
        ...

    def statistics(self) -> JournalStatistics:
        """Return the counts as of now."""
        ...
