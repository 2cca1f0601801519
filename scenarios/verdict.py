"""Owns the verdict on two rows that are the same event: what class of difference there is between them, if any.

| class | the rows differ in |
|---|---|
| `environment` | what the run stands on: router, cards, code and policies of agents, settings; or a decision in these |
| `decision-flipped` | who gets the task, or whether anybody does |
| `decision-drifted` | a score, beyond the tolerance; the same agent gets the task |
| `reordered` | which of two tasks that ended unlocked the one that waited for both: their order mattered |
| `payload` | anything else in the body, the topic, or the cause |
| `timing` | when it happened, beyond the tolerance, where that is looked at; and fields that hold such times |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

import orjson

from orchestrator.topics import (
    AGENT_REGISTERED,
    PLUGIN_BROKEN,
    ROUTER_PROMOTED,
    ROUTER_ROLLED_BACK,
    RUN_BLOCKED,
    RUN_RESUMED,
    RUN_STARTED,
    RUN_UNBLOCKED,
    TASK_UNLOCKED,
)
from scenarios.changes import Change, changes, equal
from scenarios.glance import Glance
from scenarios.identity import DECIDED, slot_of
from scenarios.names import Names

Kind = Literal[
    "environment", "missing", "extra", "payload", "decision-flipped", "decision-drifted", "reordered", "timing"
]
#: Classes after which nothing else is called a cause of its own: what comes later may follow from them.
HARD: Final[frozenset[Kind]] = frozenset({"missing", "extra", "payload", "decision-flipped", "reordered"})
#: Scores are rounded to six digits; another processor may add the same numbers in another order.
TOLERANCE: Final = 5e-6

_GROUND: Final = frozenset(
    topic.encode()
    for topic in (RUN_STARTED, RUN_RESUMED, AGENT_REGISTERED, PLUGIN_BROKEN, ROUTER_PROMOTED, ROUTER_ROLLED_BACK)
)
_WATCH: Final = frozenset({RUN_BLOCKED.encode(), RUN_UNBLOCKED.encode()})
_UNLOCKED: Final = TASK_UNLOCKED.encode()
#: Keys of a decision that follow from the ground it was taken on.
_OF_THE_GROUND: Final = frozenset({"fingerprint", "registry_digest", "policy", "threshold", "budget", "seed"})
#: Keys of a decision that say how near it was.
_SCORES: Final = frozenset(
    {
        "attribution",
        "candidates",
        "choice",
        "confidence",
        "leader",
        "margin",
        "propensity",
        "runner_up",
        "runner_up_confidence",
        "shadow",
    }
)
#: Parts of the candidates that say who they are.
_WHO: Final = (("names",), ("versions",))
#: Keys that hold seconds of the clock on the wall.
_TIMES: Final = frozenset({"elapsed_s", "wait_s", "wall_s"})
#: Where a row says which task unlocked another one.
_WHO_UNLOCKED: Final = frozenset({("body", "by"), ("cause",)})


class Judge:
    """Compares rows that are the same event, given the names of both runs and what is tolerated."""

    def __init__(self, names: Names, tolerance: float = TOLERANCE, timing: float | None = None) -> None:
        """Prepare.

        Args:
            names: of both runs.
            tolerance: by how much a score may move.
            timing: seconds by which a row may be earlier or later, from the first row on; None looks at no times.
        """
        self.names, self._tolerance, self.timing = names, tolerance, timing

    def same_body(self, recorded: Glance, actual: Glance) -> bool:
        """Return whether two bodies are the same bytes, but for the names of their runs."""
        return recorded.body == actual.body or self.names.body(recorded.body, recorded.task) == actual.body

    def judge(self, recorded: Glance, actual: Glance, *, same_cause: bool) -> Kind | None:
        """Return the class of their difference; None where there is none, times left out of account.

        Raises:
            ValueError: if a body is no JSON.
        """
        if same_cause and recorded.topic == actual.topic and self.same_body(recorded, actual):
            return None
        found = list(self.changes(recorded, actual, same_cause=same_cause))
        if not found:
            return None
        if recorded.topic in _GROUND:
            return "environment"
        if slot_of(recorded) == DECIDED:
            return _of_decisions(found)
        if recorded.topic == _UNLOCKED and {change.path for change in found} <= _WHO_UNLOCKED:
            return "reordered"
        return "timing" if all(change.path[-1] in _TIMES for change in found) else "payload"

    def changes(self, recorded: Glance, actual: Glance, *, same_cause: bool) -> Iterator[Change]:
        """Yield where two rows differ, the body first; times are left out where nobody looks at them."""
        task = recorded.task.decode("utf-8", "replace")
        in_decision = slot_of(recorded) == DECIDED

        def same(path: tuple[str, ...], one: Any, other: Any) -> bool:
            if isinstance(one, str) and isinstance(other, str):
                return self.names.text(one, other, task)
            if not (_is_number(one) and _is_number(other)):
                return equal(path, one, other)
            if path[-1] in _TIMES:
                return self.timing is None or abs(one - other) <= self.timing
            if in_decision and isinstance(one, float):
                return bool(abs(one - other) <= self._tolerance)
            return equal(path, one, other)

        texts = [(key, getattr(recorded, key), getattr(actual, key)) for key in ("task", "topic")]
        yield from changes(orjson.loads(recorded.body), orjson.loads(actual.body), same, ("body",))
        texts += [] if same_cause else [("cause", recorded.cause, actual.cause)]
        for key, one, other in texts:
            if one != other or key == "cause":
                yield Change((key,), one.decode("utf-8", "replace"), other.decode("utf-8", "replace"))


def of_one_side(row: Glance, kind: Literal["missing", "extra"]) -> Kind:
    """Return the class of a row that the other run does not have."""
    if row.topic in _GROUND:
        return "environment"
    return "timing" if row.topic in _WATCH else kind


def _of_decisions(found: list[Change]) -> Kind:
    """Return the class of what two records of one decision differ in."""
    keys = {_key_of(change.path) for change in found}
    if keys & {"chosen", "abstained"} or any(change.path == ("topic",) for change in found):
        return "decision-flipped"
    if keys <= _OF_THE_GROUND:
        return "environment"
    return "decision-drifted" if keys <= _OF_THE_GROUND | _SCORES else "payload"


def _key_of(path: tuple[str, ...]) -> str:
    """Return the key of a decision that a path leads into; who could be asked is a matter of the ground."""
    if path[:2] != ("body", "decision") or len(path) < 3:
        return ""
    return "registry_digest" if path[2:3] == ("candidates",) and path[3:4] in _WHO else path[2]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
