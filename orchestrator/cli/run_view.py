"""The view of a run: what is known of each task so far, built from envelopes and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.messages import Envelope, Result, Task
from orchestrator.topics import ENDINGS, TASK_RETRIED, TASK_ROUTED, TASK_STARTED, TASK_SUBMITTED


@dataclass(slots=True)
class TaskView:
    """One task.

    Attributes:
        id, parent, after: as submitted.
        state: waiting, routed, running, retrying, or the status with which it ended.
        agent: who has it; empty until routed.
        decision: the record of the routing decision; empty until routed or abstained.
        result: None until it ended.
        seconds: measured duration of the last attempt; None until one was measured.
        budget: the one that was used up, where that ended it.
    """

    id: str
    parent: str = ""
    after: tuple[str, ...] = ()
    state: str = "waiting"
    agent: str = ""
    decision: Mapping[str, Any] | None = None
    result: Result | None = None
    seconds: float | None = None
    problem: str = ""
    budget: Mapping[str, Any] | None = None

    @property
    def confidence(self) -> float | None:
        """The router's confidence in the agent that has the task; None where it was not asked or not followed."""
        decision = self.decision or {}
        return decision.get("confidence") if decision.get("policy") == "learned" else None


class RunView:
    """All tasks of a run, in the order of submission."""

    def __init__(self, tasks: Iterable[Task] = ()) -> None:
        self.tasks: dict[str, TaskView] = {}
        for task in tasks:
            self._add(task)

    def apply(self, envelope: Envelope) -> TaskView | None:
        """Take an envelope in; return the task that changed, None where none did."""
        topic, body = envelope.topic, envelope.body
        if topic == TASK_SUBMITTED:
            return self._add(Task.from_json(body["task"]))
        view = self.tasks.get(envelope.correlation_id)
        if view is None:
            return None
        if envelope.measured:
            view.seconds = envelope.measured.get("handle_s", view.seconds)
        if topic in ENDINGS:
            self._end(view, envelope)
        elif topic == TASK_ROUTED:
            view.state, view.decision, view.agent = "routed", body["decision"], body["decision"]["chosen"]
        elif topic == TASK_STARTED:
            view.state = "running"
        elif topic == TASK_RETRIED:
            view.state, view.problem = "retrying", body["error"]
        else:
            return None
        return view

    def results(self) -> tuple[Result, ...]:
        """Return the results known so far, in the order of submission."""
        return tuple(view.result for view in self.tasks.values() if view.result is not None)

    @property
    def stopped_by(self) -> Mapping[str, Any] | None:
        """What of the run's own budget was used up, where that ended tasks; else None."""
        ended = (view.budget for view in self.tasks.values() if view.budget is not None)
        return next((budget for budget in ended if budget["scope"] == "run"), None)

    def branches(self) -> Mapping[str, list[TaskView]]:
        """Return the tasks below each task, those at the top below "".

        A task stands below the one that added it, or else below the deepest of those that it waits for.
        """
        below: dict[str, list[TaskView]] = {"": []}
        depth: dict[str, int] = {"": -1}
        for view in self._after_what_they_wait_for():
            trunk = self._trunk(view, depth)
            depth[view.id] = depth[trunk] + 1
            below[view.id] = []
            below[trunk].append(view)
        return below

    # -- inside ------------------------------------------------------------------------------------------------------

    def _add(self, task: Task) -> TaskView:
        return self.tasks.setdefault(task.id, TaskView(task.id, task.parent, task.after))

    def _end(self, view: TaskView, envelope: Envelope) -> None:
        from orchestrator.desk import result_of  # imports networkx: not for `--help`

        result = result_of(envelope)
        view.state, view.result, view.problem = result.status, result, result.error
        view.agent, view.budget = result.agent, envelope.body.get("budget")
        view.decision = envelope.body.get("decision", view.decision)

    def _trunk(self, view: TaskView, depth: Mapping[str, int]) -> str:
        if view.parent in self.tasks:
            return view.parent
        return max((other for other in view.after if other in depth), key=depth.__getitem__, default="")

    def _after_what_they_wait_for(self) -> Iterator[TaskView]:
        left, placed = dict(self.tasks), set[str]()
        while left:
            ready = [view for view in left.values() if not self._awaited(view) & left.keys()]
            for view in ready or list(left.values()):  # a cycle cannot be submitted; if one were, it is still shown
                placed.add(view.id)
                yield left.pop(view.id)

    @staticmethod
    def _awaited(view: TaskView) -> set[str]:
        return {view.parent, *view.after}
