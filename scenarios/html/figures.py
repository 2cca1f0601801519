"""Figures: what is counted and reckoned of the work of a run: by agent, from agent to agent, and by rival."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from orchestrator.budget import Amount
from scenarios.html.choices import Choices
from scenarios.html.columns import Words
from scenarios.html.work import OUTCOMES, STATUSES, Work

_REPEATED: Final = (OUTCOMES.index("retried"), OUTCOMES.index("lost"))

Pairs = Counter[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class AgentFigures:
    """What one agent did.

    Attributes:
        agent: its name.
        tasks, completed: that it had last, and those that it completed.
        attempts, repeated: that it made, and those that were followed by another.
        faults: that a scenario let strike it.
        p50_s, p95_s: of the wall time of its attempts, measured; None where none was measured.
        recorded_p50_s, recorded_p95_s: the same in the time of the run.
        tokens, cost: that its handlers said they spent.
    """

    agent: str
    tasks: int
    completed: int
    attempts: int
    repeated: int
    faults: int
    p50_s: float | None
    p95_s: float | None
    recorded_p50_s: float | None
    recorded_p95_s: float | None
    tokens: int
    cost: Any

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


def by_agent(work: Work) -> tuple[AgentFigures, ...]:
    """Return the figures of each agent that was given anything, the busiest first."""
    tasks, attempts = work.tasks, work.attempts
    had, did = Counter(tasks.agent), Counter[int]()
    for agent, status in zip(tasks.agent, tasks.status, strict=True):
        did[agent] += STATUSES[status] == "completed"
    walls: dict[int, list[float]] = {}
    lasted: dict[int, list[float]] = {}
    repeated = Counter[int]()
    columns = (attempts.agent, attempts.began, attempts.ended, attempts.wall_s, attempts.outcome)
    for agent, began, ended, wall, outcome in zip(*columns, strict=True):
        walls.setdefault(agent, []).append(wall)
        lasted.setdefault(agent, []).append(ended - began)
        repeated[agent] += outcome in _REPEATED
    struck = Counter(agent for _, _, _, agent, _ in attempts.faults)
    made = []
    for agent, name in enumerate(work.agents):
        if not (had[agent] or agent in walls or agent in work.spent):
            continue
        wall_s, recorded_s = percentiles(walls.get(agent, ())), percentiles(lasted.get(agent, ()))
        spent = work.spent.get(agent, Amount()).to_json()
        counts = (had[agent], did[agent], len(walls.get(agent, ())), repeated[agent], struck[agent])
        spending = (spent.get("tokens", 0), spent.get("cost", 0))
        made.append(AgentFigures(name, *counts, *wall_s, *recorded_s, *spending))
    return tuple(sorted(made, key=lambda one: (-one.attempts, one.agent)))


def percentiles(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the median and the 95th percentile of those that are numbers, each one that occurs."""
    known = sorted(value for value in values if not math.isnan(value))
    if not known:
        return None, None
    return known[math.ceil(0.5 * len(known)) - 1], known[math.ceil(0.95 * len(known)) - 1]


def hand_overs(work: Work) -> Pairs:
    """Return how often work went from one agent to another: along `after`, and to the tasks that an agent added."""
    names, tasks, found = list(work.agents), work.tasks, Pairs()
    for at, after in enumerate(tasks.after):
        own = tasks.agent[at]
        for other in {*after, tasks.parent[at]} - {-1}:
            if own >= 0 and tasks.agent[other] >= 0:
                found[names[tasks.agent[other]], names[own]] += 1
    return found


def rivals(choices: Choices, agents: Words) -> Pairs:
    """Return how often one agent led and another came second."""
    names = list(agents)
    pairs = zip(choices.columns["leader"], choices.columns["second"], strict=True)
    return Pairs((names[leader], names[second]) for leader, second in pairs if leader >= 0 and second >= 0)


def confusion(work: Work) -> Pairs:
    """Return how often a task that should have gone to one agent, as people said, went to another, or to it."""
    names, tasks = list(work.agents), work.tasks
    chosen = (("nobody" if tasks.agent[task] < 0 else names[tasks.agent[task]]) for task in tasks.should_be)
    return Pairs(zip((names[agent] for agent in tasks.should_be.values()), chosen, strict=True))


def statuses(work: Work) -> dict[str, int]:
    """Return how many tasks stand how, leaving out what none does."""
    counts = Counter(work.tasks.status)
    return {name: counts[at] for at, name in enumerate(STATUSES) if counts[at]}
