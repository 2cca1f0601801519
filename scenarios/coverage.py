"""Owns the coverage: what the runs of a suite exercised of agents, routes, edges, outcomes, endings and faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from orchestrator.causes import Cause
from orchestrator.messages import Envelope
from orchestrator.topics import (
    ENDINGS,
    FAULT_INJECTED,
    TASK_ABSTAINED,
    TASK_ASKED,
    TASK_DEAD_LETTERED,
    TASK_RETRIED,
    TASK_ROUTED,
    TASK_STARTED,
    TASK_SUBMITTED,
)
from scenarios.faults import AnyFault

#: How a decision may come out, and what that is called.
OUTCOMES: Final = (
    "won", "near tie", "below threshold", "no candidates", "all vetoed", "somebody vetoed", "fallback", "pinned",
    "answered by a person",
)  # fmt: skip
#: How a task may end, or go on.
ENDS: Final = (
    "completed", "failed", "dead lettered", "skipped", "abstained", "retried", "timed out", "asked people",
)  # fmt: skip
#: The kinds of fault that a scenario may inject.
FAULTS: Final[tuple[str, ...]] = tuple(
    get_args(fault.model_fields["kind"].annotation)[0] for fault in get_args(get_args(AnyFault)[0])
)
_DECIDED: Final = frozenset({TASK_ROUTED, TASK_ABSTAINED, TASK_ASKED, TASK_DEAD_LETTERED})
_TIMEOUT: Final = Cause.TIMEOUT.value


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing that a suite can exercise.

    Attributes:
        name: `agents`, `routes`, `edges`, `outcomes`, `endings` or `faults`.
        exercised: how often, by name.
        missing: what was not, by name.
        beside: what was exercised and need not be, how often: agents that only a scenario has, say.
    """

    name: str
    exercised: Mapping[str, int]
    missing: tuple[str, ...]
    beside: Mapping[str, int]

    @property
    def total(self) -> int:
        """How much there is to exercise."""
        return len(self.exercised) + len(self.missing)

    @property
    def percent(self) -> float:
        """How much of it was; 100 where there is nothing."""
        return percent(len(self.exercised), self.total)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        counts = {"exercised": len(self.exercised), "total": self.total, "percent": round(self.percent, 1)}
        return {**counts, "times": dict(self.exercised), "missing": list(self.missing), "beside": dict(self.beside)}


class Coverage:
    """Hears the rows of runs, one run after the other, and says what they exercised.

    What there is to exercise: of agents, routes and faults, those of the installed agents; of edges, the dependencies
    of the suite's own tasks; outcomes, endings and kinds of fault are what the engine knows.
    """

    def __init__(self, installed: Iterable[str]) -> None:
        self._installed = tuple(sorted(installed))
        self._seen: dict[str, Counter[str]] = {name: Counter() for name in DIMENSIONS}
        self._unreached: dict[str, None] = {}
        self.runs = 0

    def hear(self, title: str, rows: Iterable[Envelope]) -> None:
        """Take the rows of one run.

        Args:
            title: of its scenario; names what it did not reach.
            rows: in order.
        """
        self.runs += 1
        tasks = _Tasks()
        for row in rows:
            tasks.take(row)
            for dimension, name in _exercised(row):
                self._seen[dimension][name] += 1
        for edge, reached in tasks.edges(title):
            if reached:
                self._seen["edges"][edge] += 1
            else:
                self._unreached[edge] = None

    def dimensions(self) -> tuple[Dimension, ...]:
        """Return what was exercised and what was not."""
        agents = self._installed
        wanted: dict[str, Collection[str]] = {
            "agents": agents,
            "routes": [f"router → {agent}" for agent in agents],
            "edges": [*self._seen["edges"], *self._unreached],
            "outcomes": OUTCOMES,
            "endings": ENDS,
            "faults": [f"{kind} at {agent}" for agent in agents for kind in FAULTS],
        }
        return tuple(_dimension(name, self._seen[name], wanted[name]) for name in DIMENSIONS)


class _Tasks:
    """The tasks of one run: who got each, which began, and what waited for what."""

    def __init__(self) -> None:
        self._after: dict[str, Sequence[str]] = {}
        self._agents: dict[str, str] = {}
        self._began: set[str] = set()

    def take(self, row: Envelope) -> None:
        task = row.correlation_id
        if row.topic == TASK_SUBMITTED:
            self._after[task] = row.body["task"].get("after", ())
            self._agents.setdefault(task, row.body["task"].get("agent", ""))
        elif row.topic == TASK_STARTED:
            self._agents[task] = row.body["agent"]
            self._began.add(task)

    def edges(self, title: str) -> Iterator[tuple[str, bool]]:
        """Yield each dependency, from agent to agent, and whether both had begun."""
        for task, names in self._after.items():
            for before in names:
                reached = before in self._began and task in self._began
                yield f"{self._who(before, title)} → {self._who(task, title)}", reached

    def _who(self, task: str, title: str) -> str:
        return self._agents.get(task) or f"whoever gets {task} ({title})"


def percent(part: int, whole: int) -> float:
    """Return a share in percent; 100 of nothing."""
    return 100.0 * part / whole if whole else 100.0


def total_percent(dimensions: Iterable[Dimension]) -> float:
    """Return how much of all there is to exercise was exercised, in percent."""
    found = list(dimensions)
    return percent(sum(len(one.exercised) for one in found), sum(one.total for one in found))


def _dimension(name: str, seen: Counter[str], wanted: Collection[str]) -> Dimension:
    names = dict.fromkeys(wanted)
    exercised = {one: seen[one] for one in names if seen[one]}
    missing = tuple(one for one in names if not seen[one])
    beside = {one: count for one, count in sorted(seen.items()) if one not in names}
    return Dimension(name, exercised, missing, beside)


def _exercised(row: Envelope) -> Iterator[tuple[str, str]]:
    """Yield what one row exercises: dimension and name."""
    topic, body = row.topic, row.body
    if topic == TASK_STARTED:
        yield "agents", body["agent"]
    elif topic == FAULT_INJECTED:
        yield "faults", f"{body['kind']} at {body['agent']}"
    elif topic == TASK_RETRIED:
        yield "endings", "retried"
    elif topic == TASK_ASKED:
        yield "endings", "asked people"
    if topic in ENDINGS:
        yield "endings", ENDINGS[topic].replace("_", " ")
    if body.get("cause") == _TIMEOUT:
        yield "endings", "timed out"
    if topic in _DECIDED and body.get("decision"):
        yield from _decided(body["decision"])


def _decided(decision: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    policy, chosen = decision["policy"], decision["chosen"]
    if chosen:
        yield "routes", f"{_BY[policy]} → {chosen}"
    if policy in ("pinned", "answered", "fallback"):
        yield "outcomes", {"answered": "answered by a person"}.get(policy, policy)
    elif chosen and policy != "replaced":
        yield "outcomes", "won"
    reason = decision.get("abstained")
    if reason:
        yield "outcomes", reason.replace("-", " ")
    if decision["vetoes"] and reason != "all-vetoed":
        yield "outcomes", "somebody vetoed"


#: Who sent a task to its agent, by the policy of the decision.
_BY: Final[Mapping[str, str]] = {
    "learned": "router",
    "explored": "chance",
    "pinned": "submitter",
    "fallback": "fallback",
    "answered": "person",
    "replaced": "fork",
}
DIMENSIONS: Final = ("agents", "routes", "edges", "outcomes", "endings", "faults")
