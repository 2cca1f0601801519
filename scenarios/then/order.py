"""What may be expected of the order of tasks."""

from __future__ import annotations

import itertools
from typing import Literal

from pydantic import Field, model_validator

from scenarios.entry import Texts
from scenarios.evidence import Evidence
from scenarios.expectation import Check, Expectation
from scenarios.history import NEVER, History

OrderMode = Literal["exact", "in_order", "any_order", "contains", "before", "parallel"]


class Order(Expectation):
    """Tasks began (or ended) in this order.

    Modes: `exact`: these and no others, in this order. `in_order`: in this order, others between them. `any_order`:
    these and no others. `contains`: all of these. `before`: each had ended before the next began. `parallel`: at one
    moment all were running.
    """

    type: Literal["order", "not-order"]
    mode: OrderMode
    tasks: Texts = Field(min_length=1)
    of: Literal["begins", "ends"] = "begins"

    @model_validator(mode="after")
    def _has_two(self) -> Order:
        if self.mode in ("before", "parallel") and len(self.tasks) == 1:
            raise ValueError(f"mode {self.mode} compares tasks; name two at least")
        return self

    def check(self, evidence: Evidence) -> Check:
        """Look at when they began and ended."""
        history = evidence.history
        wanted, tasks = list(self.tasks), [history.tasks[name] for name in self.tasks]
        found = history.begun if self.of == "begins" else history.ended
        happened = f"{'began' if self.of == 'begins' else 'ended'}: {', '.join(found) or 'none'}"
        match self.mode:
            case "exact":
                return found == wanted, happened
            case "in_order":
                rest = iter(found)
                return all(name in rest for name in wanted), happened
            case "any_order":
                return sorted(found) == sorted(wanted), happened
            case "contains":
                return set(wanted) <= set(found), happened
            case "before":
                pairs = itertools.pairwise(tasks)
                return all(NEVER < one.ended < other.begun for one, other in pairs), _spans(wanted, history)
            case "parallel":
                last_begin = max(task.begun for task in tasks)
                all_ran = all(task.begun != NEVER and task.ended != NEVER for task in tasks)
                return all_ran and last_begin < min(task.ended for task in tasks), _spans(wanted, history)


def _spans(names: list[str], history: History) -> str:
    start = history.rows[0].at
    spans = []
    for name in names:
        task = history.tasks[name]
        begun = f"{history.rows[task.begun].at - start:g}" if task.begun != NEVER else "never"
        ended = f"{task.ended_at - start:g}" if task.ended != NEVER else "never"
        spans.append(f"{name} from {begun} s to {ended} s")
    return ", ".join(spans)
