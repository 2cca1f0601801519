"""What the tests of what-if share: a run in virtual time, and what its records say about another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from orchestrator.clock import run_virtual
from orchestrator.journal import MemoryJournal, Row
from orchestrator.messages import Task
from orchestrator.plan import Plan
from orchestrator.testing import ScriptedAgent
from orchestrator.whatif import Alternative, WhatIf, what_if
from router import KeywordRouter
from scenarios.threshold import OtherThreshold
from tests.orchestrator.runs import make

Live = Callable[..., list[Row]]
Ask = Callable[..., WhatIf]


def clerks() -> list[ScriptedAgent]:
    """Return three agents with words in common."""
    return [
        ScriptedAgent("ledger", ["balanced"], examples=["balance the ledger of the day", "close the ledger"]),
        ScriptedAgent("poet", ["roses"], examples=["write a poem about the day", "a poem about spring"]),
        ScriptedAgent("sweeper", ["clean"], examples=["sweep the floor of the ledger room"]),
    ]


@pytest.fixture
def live() -> Live:
    """Return a function that runs tasks, and gives the rows of the run."""

    def run(*tasks: Task, threshold: float | None = None, agents: Sequence[Any] = (), **settings: Any) -> list[Row]:
        journal = MemoryJournal("r")
        router = KeywordRouter() if threshold is None else OtherThreshold(KeywordRouter(), threshold)

        async def go() -> None:
            async with make(list(agents) or clerks(), journal, router=router, drain_s=1, **settings) as o:
                await o.submit_plan(Plan("p", tasks))
                if settings.get("when_abstained") != "ask":
                    await o.idle()

        run_virtual(go())
        return journal.rows

    return run


@pytest.fixture
def ask(live: Live) -> Ask:
    """Return a function that runs tasks, and says what would have been."""

    def about(
        *tasks: Task, supposed: Alternative, agents: Sequence[Any] = (), at: float | None = None, **settings: Any
    ) -> WhatIf:
        return what_if("r", live(*tasks, threshold=at, agents=agents, **settings), supposed)

    return about
