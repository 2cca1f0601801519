"""Plan: tasks and what each waits for, as a YAML file or built in Python; and the references between their payloads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from orchestrator.agent import AGENT_NAME
from orchestrator.budget import Budget
from orchestrator.documents import Document, read_document, suggest, validate
from orchestrator.errors import (
    AgentError,
    CapacityError,
    CycleError,
    DuplicateTaskError,
    PointsmanError,
    UnknownTaskError,
)
from orchestrator.garbage import collected_later
from orchestrator.messages import OnFailure, Result, Task
from orchestrator.ordering import find_cycle
from orchestrator.places import Loc
from orchestrator.policy import TaskPolicy, for_tasks

RESULT_KEY: Final = "$result"
#: Tasks of one plan, at most, unless it says otherwise: a million would take a gigabyte and minutes before the first.
MAX_TASKS: Final = 100_000
_MAPPINGS: Final = (dict, MappingProxyType)
_LISTS: Final = (list, tuple)
_CONTAINERS: Final = (*_MAPPINGS, *_LISTS)


@dataclass(frozen=True, slots=True)
class Plan:
    """Tasks, and what each waits for.

    Attributes:
        name: of the plan, for people.
        tasks: in the order of the file; `after` may name a task that comes later.
        seed: for the run's randomness; None takes the settings'.
        budget: what the run that it is submitted to may use at most; None for no limit of its own.
        capacity: the most tasks that it may have. A run has a `capacity` too, in its settings: raise both.
        policy: what it states about how its tasks are run, over their agents' cards: timeout and retries.

    Raises:
        CapacityError: if it has more; none of them is looked at.
        GraphError: if an id is used twice, a task waits for one outside the plan, or tasks wait for each other.
        PointsmanError: if a payload refers to a task that the task does not wait for, or `policy` is an agent's.
    """

    name: str
    tasks: tuple[Task, ...]
    seed: int | None = None
    capacity: int = field(default=MAX_TASKS, repr=False, compare=False)
    budget: Budget | None = field(default=None, kw_only=True)
    policy: TaskPolicy | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if len(self.tasks) > self.capacity:
            raise CapacityError(self.capacity, len(self.tasks), holder="a plan")
        ids: set[str] = set()
        for task in self.tasks:
            if task.id in ids:
                raise DuplicateTaskError(task.id)
            ids.add(task.id)
        for fault in find_faults(self.tasks):
            raise fault.error
        if self.policy is not None:
            self._hand_down(self.policy)

    def _hand_down(self, policy: TaskPolicy) -> None:
        stated = for_tasks(policy, f"plan {self.name!r}")
        object.__setattr__(self, "policy", stated)
        object.__setattr__(self, "tasks", tuple([task._replace(plan_policy=stated) for task in self.tasks]))


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the dependencies of one task, and where in it: `("after", 0)`."""

    task: str
    loc: Loc
    error: PointsmanError


def _as_tuple(after: Any) -> Any:
    return (after,) if isinstance(after, str) else tuple(after) if isinstance(after, list) else after


class TaskEntry(BaseModel):
    """One task as a file states it."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    request: str
    payload: dict[str, Any] = Field(default_factory=dict)
    after: Annotated[tuple[str, ...], BeforeValidator(_as_tuple, json_schema_input_type=str | tuple[str, ...])] = ()
    agent: str = ""
    on_failure: OnFailure | None = None
    estimate_s: float = Field(default=1.0, ge=0, le=86_400 * 365)
    budget: Budget | None = None
    policy: TaskPolicy | None = None

    def to_task(self, task_id: str, document: Document, loc: Loc, on_failure: OnFailure = "fail") -> Task:
        """Return the task; `loc` is where the document states it, `on_failure` holds where it says nothing.

        Raises:
            DocumentError: if its id or its agent's name is not one.
        """
        if self.agent and not AGENT_NAME.fullmatch(self.agent):
            hint = "use kebab-case, for example 'sql-checker'"
            raise document.error((*loc, "agent"), f"{self.agent!r} is no agent's name", hint)
        try:
            return Task(
                id=task_id,
                request=self.request,
                payload=self.payload,
                after=self.after,
                agent=self.agent,
                on_failure=self.on_failure or on_failure,
                estimate_s=self.estimate_s,
                budget=self.budget,
                policy=self.policy,
            )
        except PointsmanError as error:
            stated = (*loc, "id") in document.places
            raise document.error((*loc, "id") if stated else loc, str(error), "correct it", key=not stated) from None


class PlanEntry(BaseModel):
    """A plan as a file states it."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    plan: str = Field(min_length=1, max_length=200)
    description: str = ""
    seed: int | None = None
    on_failure: OnFailure = "fail"
    budget: Budget | None = None
    policy: TaskPolicy | None = None
    tasks: dict[str, TaskEntry] = Field(min_length=1)

    def to_plan(self, document: Document, loc: Loc = ()) -> Plan:
        """Return the plan; `loc` is where the document states it.

        Raises:
            DocumentError: if its tasks do not fit each other; with the place of the first fault.
        """
        at = (*loc, "tasks")
        tasks = tuple(
            entry.to_task(task_id, document, (*at, task_id), self.on_failure) for task_id, entry in self.tasks.items()
        )
        for fault in find_faults(tasks):
            raise document.error((*at, fault.task, *fault.loc), str(fault.error))
        return Plan(self.plan, tasks, self.seed, policy=self.policy, budget=self.budget)


def load_plan(path: str | Path) -> Plan:
    """Return the plan in a YAML file.

    Raises:
        DocumentError: if the file is no plan; with line and column.
    """
    with collected_later():
        document = read_document(Path(path), model=PlanEntry)
        return validate(document, PlanEntry).to_plan(document)


def find_faults(tasks: Sequence[Task], known: Collection[str] = ()) -> Iterator[Fault]:
    """Yield what is wrong with the dependencies and references of the tasks.

    Args:
        tasks: each with an id of its own.
        known: ids of other tasks that these may wait for; a set, where there are many.
    """
    ids = {task.id for task in tasks}
    for task in tasks:
        for index, other in enumerate(task.after):
            if other not in ids and other not in known:
                hint = suggest(other, {*known, *ids} - {task.id})
                yield Fault(task.id, ("after", index), UnknownTaskError(task.id, other, hint))
        if task.payload:
            yield from _reference_faults(task)
    if cycle := find_cycle(tasks):
        after = next(task.after for task in tasks if task.id == cycle[0])
        yield Fault(cycle[0], ("after", after.index(cycle[1 % len(cycle)])), CycleError(cycle))


def has_references(payload: Any) -> bool:
    """Return whether there is a `$result` anywhere in the payload."""
    containers = [payload]
    while containers:
        value = containers.pop()
        if isinstance(value, _MAPPINGS):
            if RESULT_KEY in value:
                return True
            value = value.values()
        elif not isinstance(value, _LISTS):
            continue
        containers += [inner for inner in value if type(inner) is not str and isinstance(inner, _CONTAINERS)]
    return False


def resolve_payload(payload: Any, results: Mapping[str, Result]) -> Any:
    """Return the payload with each `{"$result": "TASK#/pointer"}` replaced by (that part of) the task's output.

    What is put in is not looked at again: an output that holds `$result` arrives as it is.

    Raises:
        AgentError: if a reference is malformed, its task has no output, or the pointer leads nowhere.
    """
    if isinstance(payload, _MAPPINGS):
        if RESULT_KEY in payload:
            return _resolve(payload, results)
        return {key: resolve_payload(value, results) for key, value in payload.items()}
    if isinstance(payload, _LISTS):
        return [resolve_payload(value, results) for value in payload]
    return payload


def at_pointer(value: Any, pointer: str) -> Any:
    """Return the part of a JSON value that a JSON Pointer (RFC 6901) leads to; the empty pointer means all of it.

    Raises:
        AgentError: if it leads nowhere; it says where the way ends and what is there.
    """
    if pointer and not pointer.startswith("/"):
        raise AgentError(f"JSON pointer {pointer!r}: it must be empty or begin with '/'")
    way = ""
    for token in pointer.split("/")[1:]:
        value = _step(value, token.replace("~1", "/").replace("~0", "~"), way)
        way = f"{way}/{token}"
    return value


def _step(value: Any, token: str, way: str) -> Any:
    here = way or "the top"
    if isinstance(value, Mapping):
        if token not in value:
            raise AgentError(f"no {token!r} at {here}; {suggest(token, [str(key) for key in value])}")
        return value[token]
    if isinstance(value, _LISTS):
        if not (token.isdecimal() and token.isascii() and str(int(token[:9])) == token and int(token) < len(value)):
            raise AgentError(f"no item {token!r} at {here}; the list there has {len(value)} items, counted from 0")
        return value[int(token)]
    raise AgentError(f"no {token!r} at {here}; there is {value!r:.60} and nothing below it")


def _resolve(reference: Mapping[str, Any], results: Mapping[str, Result]) -> Any:
    task_id, pointer = _parse_reference(reference)
    result = results.get(task_id)
    if result is None:
        raise AgentError(f"{RESULT_KEY} names task {task_id!r}, which this task does not wait for; add it to `after`")
    if not result.ok:
        raise AgentError(f"{RESULT_KEY} names task {task_id!r}, which ended as {result.status} and has no output")
    try:
        return at_pointer(result.output, pointer)
    except AgentError as error:
        raise AgentError(f"{RESULT_KEY} {task_id}#{pointer}: {error}") from None


def _parse_reference(reference: Mapping[str, Any]) -> tuple[str, str]:
    target = reference[RESULT_KEY]
    if len(reference) > 1 or not isinstance(target, str):
        raise AgentError(f'{RESULT_KEY} has company or holds no text; write {{"{RESULT_KEY}": "TASK#/pointer"}}')
    task_id, _, pointer = target.partition("#")
    if pointer and not pointer.startswith("/"):
        raise AgentError(f"{RESULT_KEY} {target!r}: no JSON pointer after '#'; write {task_id}#/{pointer}")
    return task_id, pointer


def _reference_faults(task: Task) -> Iterator[Fault]:
    if not has_references(task.payload):
        return
    for loc, reference in _references(task.payload, ("payload",)):
        try:
            task_id, _ = _parse_reference(reference)
        except AgentError as error:
            yield Fault(task.id, loc, error)
            continue
        if task_id not in task.after:
            problem = f"task {task.id!r} uses the result of {task_id!r} without waiting for it; add it to `after`"
            yield Fault(task.id, (*loc, RESULT_KEY), PointsmanError(problem))


def _references(value: Any, loc: Loc) -> Iterator[tuple[Loc, Mapping[str, Any]]]:
    if isinstance(value, _MAPPINGS):
        if RESULT_KEY in value:
            yield loc, value
            return
        for key, inner in value.items():
            yield from _references(inner, (*loc, key))
    elif isinstance(value, _LISTS):
        for index, inner in enumerate(value):
            yield from _references(inner, (*loc, index))
