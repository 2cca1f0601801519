"""Owns the agent profile: what the router knows of an agent before any training."""

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """An agent as its own card describes it.

    Attributes:
        name: The agent's name, unique in a router.
        version: The version of the card; shown in every candidate.
        summary: One sentence on what the agent does.
        examples: Requests that the agent serves, in the words of those who ask.
    """

    name: str
    version: str
    summary: str
    examples: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Return 16 hexadecimal characters over the canonical content: equal profiles, equal digests."""
        content = json.dumps([self.name, self.version, self.summary, list(self.examples)], separators=(",", ":"))
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def texts(self) -> tuple[str, ...]:
        """Return everything that tells the agent apart: its examples, then its summary unless that is empty."""
        return (*self.examples, self.summary) if self.summary.strip() else self.examples
