"""Runs in virtual time, as the tests of the parts of an orchestrator make them."""

import asyncio
from collections.abc import Sequence
from typing import Any

from orchestrator.clock import VirtualClock
from orchestrator.journal import MemoryJournal
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter
from router import Router


def make(
    agents: Sequence[Any] | None,
    journal: MemoryJournal | None = None,
    *,
    router: Router | None = None,
    **settings: Any,
) -> Orchestrator:
    """Return a run `r` that journals in memory, and sends each request to the agent it names if there is no router."""
    return Orchestrator(
        Settings(log_format="off", **settings),
        agents=agents,
        router=router or FixedRouter(),
        journal=journal or MemoryJournal("r"),
        clock=VirtualClock(),
        run="r",
    )


def now() -> float:
    """Return the virtual seconds since the loop began."""
    return asyncio.get_running_loop().time()
