"""The departure: how a run leaves, with what it could not finish on record."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from orchestrator.graph import TaskGraph
from orchestrator.parts import Parts
from orchestrator.topics import RUN_STOPPED

_LAST_WORD_S: Final = 1.0


async def depart(parts: Parts, graph: TaskGraph, grace_s: float, *, in_haste: bool) -> None:
    """Wait for unfinished tasks, then put on record what is left and whose attempts are about to be cut short.

    Args:
        parts: of the run; whoever stops them does so afterwards.
        graph: of the run.
        grace_s: seconds that unfinished tasks get.
        in_haste: whether only attempts that have begun get them, and no other begins.
    """
    try:
        async with asyncio.timeout(grace_s):
            await (parts.supervisor.pause() if in_haste else parts.desk.idle())
            await parts.dispatcher.caught_up()  # an attempt may have ended in this very moment
    except TimeoutError:
        pass
    try:
        async with asyncio.timeout(_LAST_WORD_S):
            await parts.bus.publish(RUN_STOPPED, _left_behind(parts, graph))
    except TimeoutError:
        pass  # it is recorded; a subscriber that no longer reads cannot hold up the end


def _left_behind(parts: Parts, graph: TaskGraph) -> dict[str, Any]:
    """Return what the process leaves behind; the attempts that it cuts short are not counted when the run goes on."""
    cut_short = parts.supervisor.in_flight()
    unfinished = {"unfinished": list(graph.unfinished())} | ({"interrupted": cut_short} if cut_short else {})
    return unfinished | parts.spending.last_word()
