"""Owns the origin of an agent: the file and line where what its author wrote begins, as far as it is installed here."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from orchestrator.agent import Agent
from orchestrator.code_digest import code_of


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the code of an agent stands.

    Attributes:
        file: path, relative where it is below the working directory; empty where it is not known.
        line: 1-based; 0 where it is not known.
        why_not: why it is not known; empty where it is.
    """

    file: str = ""
    line: int = 0
    why_not: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"unavailable": self.why_not} if self.why_not else {"file": self.file, "line": self.line}


def locate(name: str, agents: Iterable[Agent]) -> Origin:
    """Return where the code of an agent stands, among those that are installed."""
    agent = next((one for one in agents if one.card.name == name), None)
    if agent is None:
        return Origin(why_not="not installed here")
    code = code_of(agent)
    if code is None:
        return Origin(why_not="its handler is not written in Python")
    return Origin(shortest(code.co_filename), code.co_firstlineno)


def shortest(path: str) -> str:
    """Return a path relative to the working directory where it is below that."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # on another drive
        return path
    return path if relative.startswith(os.pardir) else relative
