"""Messages: the values that travel. Task and Result for people, Envelope for the bus."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from orchestrator.budget import Budget
from orchestrator.errors import PointsmanError
from orchestrator.policy import TaskPolicy, for_tasks, from_stated

Status = Literal["completed", "failed", "dead_lettered", "skipped", "abstained"]
OnFailure = Literal["fail", "skip", "continue"]

EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})
_IS_TASK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}").fullmatch
_new = tuple.__new__
MAX_REQUEST: Final = 100_000


class Envelope(NamedTuple):
    """The value on the bus. A named tuple: made six times a task, at a third of the cost of a frozen dataclass.

    Attributes:
        id: number within its run, as text.
        topic: address, dot-separated tokens.
        correlation_id: the task that it is about; empty for facts about the run.
        causation_id: id of the envelope that led to it; empty for the first.
        at: seconds since the Unix epoch, from the clock.
        body: JSON object; by convention never changed after publishing.
        measured: wall durations in seconds by name; journaled beside the canonical row, never in it.
    """

    id: str
    topic: str
    correlation_id: str
    causation_id: str
    at: float
    body: Mapping[str, Any]
    measured: Mapping[str, float] | None = None


class _TaskFields(NamedTuple):
    id: str
    request: str
    payload: Mapping[str, Any] = EMPTY
    after: tuple[str, ...] = ()
    agent: str = ""
    on_failure: OnFailure = "fail"
    estimate_s: float = 1.0
    parent: str = ""
    budget: Budget | None = None
    policy: TaskPolicy | None = None
    plan_policy: TaskPolicy | None = None


class Task(_TaskFields):
    """A unit of work. A named tuple, checked when it is made; `_replace` gives a changed copy, unchecked.

    Attributes:
        id: unique within its run.
        request: what is wanted, in people's words; the router reads this and nothing else.
        payload: JSON object handed to the agent. `{"$result": "TASK#/pointer"}` anywhere in it is replaced by
            (that part of) the output of a task named in `after`.
        after: ids of the tasks that must end first.
        agent: name of the agent, where the submitter has decided; empty asks the router.
        on_failure: what becomes of this task when one that it waits for did not complete.
        estimate_s: expected seconds, for the critical path.
        parent: id of the task whose agent added this one; empty for submitted ones.
        budget: what this task and all that are added below it may use together; None for no limit of its own.
        policy: what this task states itself about how it is run: `Policy(timeout_s=5)`, `retry` alike.
        plan_policy: what its plan states for all of its tasks, those that agents add included.
    """

    __slots__ = ()

    def __new__(
        cls,
        id: str,  # noqa: A002 - the name of the field
        request: str,
        payload: Mapping[str, Any] = EMPTY,
        after: tuple[str, ...] = (),
        agent: str = "",
        on_failure: OnFailure = "fail",
        estimate_s: float = 1.0,
        parent: str = "",
        budget: Budget | None = None,
        policy: TaskPolicy | None = None,
        plan_policy: TaskPolicy | None = None,
    ) -> Task:
        """Make a task.

        Raises:
            PointsmanError: if the id, the length of the request, `after`, the estimate or the policy is not usable.
        """
        if not _IS_TASK_ID(id):
            raise PointsmanError(f"task id {id!r}: use letters, digits and . _ / - (128 at most)")
        if len(request) > MAX_REQUEST:
            raise PointsmanError(f"task {id!r}: its request is longer than {MAX_REQUEST} characters; shorten it")
        if estimate_s != 1.0 and not 0 <= estimate_s < math.inf:
            raise PointsmanError(f"task {id!r}: estimate_s is {estimate_s}; give seconds, 0 or more")
        given: object = after
        if isinstance(given, str):
            raise PointsmanError(f"task {id!r}: after is the text {after!r}; give a tuple of ids")
        if policy is not None:
            policy = for_tasks(policy, f"task {id!r}")
        fields = (id, request, payload, after, agent, on_failure, estimate_s, parent, budget, policy, plan_policy)
        return _new(cls, fields)

    def to_json(self) -> dict[str, Any]:
        """Return the task as a JSON object, without the fields at their defaults."""
        body: dict[str, Any] = {"id": self.id, "request": self.request}
        if self.payload:
            body["payload"] = dict(self.payload)
        if self.after:
            body["after"] = self.after
        if self.agent:
            body["agent"] = self.agent
        if self.on_failure != "fail":
            body["on_failure"] = self.on_failure
        if self.estimate_s != 1.0:
            body["estimate_s"] = self.estimate_s
        if self.parent:
            body["parent"] = self.parent
        if self.budget is not None:
            body["budget"] = self.budget.to_json()
        if self.policy is not None:
            body["policy"] = self.policy.stated
        if self.plan_policy is not None:
            body["plan_policy"] = self.plan_policy.stated
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Task:
        """Return the task that `to_json` described."""
        fields = {**body, "after": tuple(body.get("after", ()))}
        if "budget" in fields:
            fields["budget"] = Budget.model_validate(fields["budget"])
        for name in ("policy", "plan_policy"):
            if name in fields:
                fields[name] = from_stated(fields[name])
        return cls(**fields)


def as_ids(after: Sequence[str]) -> tuple[str, ...]:
    """Return task ids as a tuple; a text on its own is one id, not a sequence of letters."""
    return (after,) if isinstance(after, str) else tuple(after)


class Result(NamedTuple):
    """The outcome of a task.

    Attributes:
        task_id: which task.
        status: how it ended.
        agent: who ran it; empty where nobody did.
        output: JSON value that the agent returned; None unless completed.
        error: one line; empty when completed.
        attempts: attempts begun.
    """

    task_id: str
    status: Status
    agent: str = ""
    output: Any = None
    error: str = ""
    attempts: int = 0

    @property
    def ok(self) -> bool:
        """Whether the task completed."""
        return self.status == "completed"


def inherited(task: Task, cause: Result) -> Result:
    """Return how a task ends that waited for one which did not complete."""
    status: Status = "skipped" if task.on_failure == "skip" else "failed"
    return Result(task.id, status, error=f"{cause.task_id!r}, which it waited for, ended as {cause.status}")
