"""Stuck: a run in which nothing happens any more, as a value, and in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Stuck:
    """A run in which nothing happens, and why, as far as can be seen.

    Attributes:
        silent_s: seconds in which there was no row.
        open: how many tasks are unfinished.
        tasks: the first of them: `task`, `state`, `agent` where one has it, and `after`: those that it still waits for.
        agents: of those that have anything to do: how much is queued and in hand, and why they begin nothing.
        full: subscriptions that nobody reads, by their patterns; publishers wait for them.
        not_on_disk: rows that the journal has taken and not written.
    """

    silent_s: float
    open: int
    tasks: tuple[Mapping[str, Any], ...] = ()
    agents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    full: tuple[str, ...] = ()
    not_on_disk: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON; what is empty is left out."""
        return {name: _plain(value) for name, value in asdict(self).items() if value}

    def describe(self) -> str:
        """Return it in one line, for people."""
        return describe_stuck(self.to_json())


def describe_stuck(body: Mapping[str, Any]) -> str:
    """Return what a row on `run.stuck` says, in one line."""
    tasks = "1 task is" if body["open"] == 1 else f"{body['open']} tasks are"
    parts = [f"nothing happened for {body['silent_s']:g} s, {tasks} open"]
    parts += [_of_task(task) for task in body.get("tasks", ())[:3]]
    parts += [f"agent {name}: {_of_agent(found)}" for name, found in body.get("agents", {}).items()]
    if full := body.get("full"):
        parts.append(f"nobody reads the subscription to {' and to '.join(full)}")
    if rows := body.get("not_on_disk"):
        parts.append(f"{rows} rows do not get to the disk")
    return "; ".join(parts)


def _of_task(task: Mapping[str, Any]) -> str:
    after: Sequence[str] = task.get("after", ())
    waits = f", for {', '.join(after[:3])}{' and others' if len(after) > 3 else ''}" if after else ""
    return f"{task['task']} is {task['state']}{waits}{' with ' + task['agent'] if 'agent' in task else ''}"


def _of_agent(found: Mapping[str, Any]) -> str:
    why = f", {found['why']}" if "why" in found else ""
    return f"{found['queued']} queued, {found['in_hand']} in hand{why}"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
