"""Refusals: why a run cannot go on with the agents of now."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from orchestrator.progress import Enrolled, Recovered


def refusals(found: Recovered, now: Mapping[str, Enrolled], accept: Collection[str]) -> tuple[str, ...]:
    """Return why a run cannot go on with the agents of now: one line for each, none if it can.

    A task that nobody began may be done by other code. One that was begun and left effects on record may not: its
    receipts answer to the code that asked for them.

    Args:
        found: how far the run had come.
        now: the agents that there are.
        accept: agents about which nothing is refused: changed code takes the receipts over, and tasks of an agent that
            is missing are routed anew.
    """
    missing: dict[str, list[str]] = {}
    changed: dict[str, list[str]] = {}
    for task_id, progress in found.progress.items():
        agent = progress.agent
        if not agent or agent in accept:
            continue
        if agent not in now:
            missing.setdefault(agent, []).append(task_id)
        elif task_id in found.receipts and agent in found.agents and _differs(found.agents[agent], now[agent]):
            changed.setdefault(agent, []).append(task_id)
    return (
        *(
            f"agent {agent!r} is missing, and {_some(tasks)} went to it: install it, or accept {agent!r} to route anew"
            for agent, tasks in missing.items()
        ),
        *(
            f"agent {agent!r} has changed{_how(found.agents[agent], now[agent])} while {_some(tasks)} had effects on"
            f" record: restore it, or accept {agent!r} to let the new code take them over"
            for agent, tasks in changed.items()
        ),
    )


def _differs(before: Enrolled, now: Enrolled) -> bool:
    return before.version != now.version or bool(before.code and now.code and before.code != now.code)


def _some(tasks: list[str]) -> str:
    shown = ", ".join(repr(task) for task in tasks[:3])
    more = f" and {len(tasks) - 3} more" if len(tasks) > 3 else ""
    return f"task{'s' if len(tasks) > 1 else ''} {shown}{more}"


def _how(before: Enrolled, now: Enrolled) -> str:
    return f" from version {before.version} to {now.version}" if before.version != now.version else ""
