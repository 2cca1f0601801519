"""Policy: how tasks are run, as settings, agents, plans and tasks state it, each over the one before."""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from orchestrator.budget import UNLIMITED, Budget
from orchestrator.causes import Cause
from orchestrator.errors import PointsmanError
from orchestrator.restarts import Restart

M = TypeVar("M", bound=BaseModel)
Isolation = Literal["none", "process"]
_FROZEN = ConfigDict(frozen=True, extra="forbid", defer_build=True)
#: Causes of a failure that is final whatever a policy says.
_FINAL: Final = frozenset({Cause.GAVE_UP, Cause.REFUSED, Cause.DIED, Cause.BUDGET})
_CAUSES: Final = tuple(sorted(cause.value for cause in Cause if cause not in _FINAL))
_REMEMBERED: Final = 1000


def _check_kind(name: str) -> str:
    """Return what `only` and `never` may name: a cause, or the name of a class, which is not all in small letters."""
    if name in _CAUSES or (name.isidentifier() and (name != name.lower() or name.endswith("error"))):
        return name
    if name in _FINAL:
        raise ValueError(f"{name!r} is never tried again; leave it out")
    from orchestrator.documents import suggest

    own = name.rpartition(".")[2]
    if own != name and own.isidentifier():
        raise ValueError(f"{name!r} has a dot; write the class's own name: {own}")
    problem = f"{name!r} is neither a cause nor the name of an exception's class"
    raise ValueError(f"{problem}; {suggest(name, _CAUSES)}, or a name such as ConnectionError")


def _as_tuple(names: Any) -> Any:
    return (names,) if isinstance(names, str) else tuple(names) if isinstance(names, list) else names


_Kinds = Annotated[
    tuple[Annotated[str, Field(max_length=200), AfterValidator(_check_kind)], ...],
    BeforeValidator(_as_tuple, json_schema_input_type=str | tuple[str, ...]),
    Field(max_length=100),
]


class Retry(BaseModel):
    """How often and how patiently a failing attempt is repeated, and after which failures.

    `only` and `never` name exceptions by their class or one that it is made of, or causes such as `timeout`.
    """

    model_config = _FROZEN

    max_attempts: int = Field(default=3, ge=1, le=100, description="attempts in all, the first included")
    backoff_s: float = Field(default=0.5, ge=0, le=3600, description="seconds before the second attempt")
    factor: float = Field(default=2.0, ge=1, le=10, description="each wait is this many times the one before")
    max_backoff_s: float = Field(default=60.0, ge=0, le=86_400, description="no wait is longer than this")
    jitter: float = Field(default=0.1, ge=0, le=1, description="share of the wait that is drawn at random")
    total_s: float | None = Field(
        default=None, gt=0, le=31_536_000, description="no attempt begins later than so many seconds after the first"
    )
    only: _Kinds = Field(default=(), description="failures that are tried again; all, if none is named")
    never: _Kinds = Field(default=(), description="failures that are not tried again, though `only` names them")

    def delay(self, attempt: int, rng: random.Random) -> float:
        """Return the seconds to wait after failed attempt number `attempt` (1-based)."""
        wait = min(self.backoff_s * self.factor ** (attempt - 1), self.max_backoff_s)
        return wait * (1 - self.jitter + self.jitter * rng.random())

    def why_not(self, cause: Cause, kinds: tuple[str, ...]) -> str:
        """Say why a failure is not tried again, whatever the number of the attempt; nothing where it may be.

        Args:
            cause: of the failure.
            kinds: names of the exception's class and of those that it is made of, if there was one.
        """
        names = (*kinds, cause.value)
        barred = next((name for name in names if name in self.never), "")
        if barred:
            return f"{barred} is in `never`"
        if self.only and not any(name in self.only for name in names):
            return f"{names[0]} is not in `only`"
        return ""

    def too_late(self, after_s: float) -> str:
        """Say why no attempt begins so many seconds after the first began; nothing where it may."""
        if self.total_s is None or round(after_s, 6) <= self.total_s:  # a loop's clock adds up to less than a whole
            return ""
        return f"{after_s:.6g} s after the first attempt began is later than total_s, {self.total_s:g} s"


class Breaker(BaseModel):
    """When an agent that keeps failing is left alone, and for how long."""

    model_config = _FROZEN

    failures: int = Field(default=5, ge=1, le=10_000, description="failed attempts in a row that open the breaker")
    cooldown_s: float = Field(default=30.0, gt=0, le=86_400, description="seconds until one attempt may probe again")


class TaskPolicy(BaseModel):
    """What a plan and a task may say about how they are run; the rest belongs to the agent."""

    model_config = _FROZEN
    #: Keys that are not ours but known, and what to do about them: for the errors of documents.
    elsewhere: ClassVar[Mapping[str, tuple[str, str]]] = {}

    timeout_s: float = Field(default=60.0, gt=0, le=86_400, description="seconds that one attempt may take")
    retry: Retry = Retry()

    @functools.cached_property
    def stated(self) -> dict[str, Any]:
        """What was given, as JSON; what was left out follows from who is overridden. Not to be changed."""
        return self.model_dump(mode="json", exclude_unset=True, include=set(TaskPolicy.model_fields))


class Policy(TaskPolicy):
    """How tasks are run: stated by the settings, by an agent's card or, as far as it is theirs, by a plan or a task.

    `memory_mb`, `cpu_s` and `grace_s` hold for `isolation="process"`: nothing but a process can be bounded so.
    """

    concurrency: int = Field(default=4, ge=1, le=10_000, description="attempts of this agent at the same time")
    breaker: Breaker = Breaker()
    budget: Budget = Field(default=UNLIMITED, description="what each agent may use in a run")
    isolation: Isolation = Field(default="none", description="process: the handler runs in a process of its own")
    memory_mb: int | None = Field(
        default=None, ge=1, le=1_048_576, description="MB that a process may take beyond what it had when it was ready"
    )
    cpu_s: float | None = Field(default=None, gt=0, le=86_400, description="seconds of CPU that one attempt may use")
    grace_s: float = Field(default=1.0, ge=0, le=3600, description="seconds to clean up in before a late one is killed")
    max_output_mb: float = Field(default=16.0, gt=0, le=1024, description="MB of JSON that an answer may have")
    restart: Restart | None = Field(
        default=None, description="how often its processes may die before the agent is given up; as often as they do"
    )

    @model_validator(mode="after")
    def _restarts_need_a_process(self) -> Self:
        if self.isolation == "none" and self.restart is not None:
            raise ValueError('restart counts processes that die; set isolation to "process" as well')
        return self

    @model_validator(mode="after")
    def _limits_need_a_process(self) -> Self:
        if self.isolation == "none" and (self.memory_mb is not None or self.cpu_s is not None):
            raise ValueError('memory_mb and cpu_s bound a process; set isolation to "process" as well')
        return self

    def unusual(self) -> dict[str, Any]:
        """Return what differs from the defaults, as JSON."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def overridden_by(self, other: TaskPolicy | None) -> Policy:
        """Return this policy with what the other one states in its place, field by field, those of fields too."""
        if other is None:
            return self
        made = _overlaid(self, other)
        if made.isolation == "none" and (made.memory_mb is not None or made.cpu_s is not None):
            made = made.model_copy(update={"memory_mb": None, "cpu_s": None})  # they go with the process
        if made.isolation == "none" and made.restart is not None:
            made = made.model_copy(update={"restart": None})  # so does this
        return made


#: What belongs to an agent alone.
OF_AGENTS: Final = frozenset(Policy.model_fields) - frozenset(TaskPolicy.model_fields)
NOT_OF_TASKS: Final = "belongs to an agent, not to a plan or task"
WHERE_AGENTS_SAY_IT: Final = "write it on the agent's card or in the settings"
TaskPolicy.elsewhere = dict.fromkeys(OF_AGENTS, (NOT_OF_TASKS, WHERE_AGENTS_SAY_IT))


class Policies:
    """The policies of one agent's tasks: each is made once, however many tasks share what it is made of.

    Remembers 1000 of them at most, then begins anew.
    """

    def __init__(self, base: Policy) -> None:
        self.base = base
        # By identity, for a field that was given may have the value of its default; what is named here stays alive.
        self._made: dict[tuple[int, int], tuple[TaskPolicy | None, TaskPolicy | None, Policy]] = {}

    def of(self, plan: TaskPolicy | None, task: TaskPolicy | None) -> Policy:
        """Return the policy of a task, given what its plan and it state itself."""
        if plan is None and task is None:
            return self.base
        key = (id(plan), id(task))
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= _REMEMBERED:
                self._made.clear()
            found = self._made[key] = plan, task, self.base.overridden_by(plan).overridden_by(task)
        return found[2]


def for_tasks(policy: TaskPolicy, holder: str) -> TaskPolicy | None:
    """Return what a policy states, as a task or plan keeps it; None where it states nothing.

    Args:
        policy: as it was given.
        holder: whose it is to be, for the error.

    Raises:
        PointsmanError: if it is no policy, or states what belongs to an agent.
    """
    given: object = policy
    if not isinstance(given, TaskPolicy):
        raise PointsmanError(f"{holder}: its policy is {given!r:.60}; give a Policy")
    foreign = sorted(policy.model_fields_set & OF_AGENTS)
    if foreign:
        raise PointsmanError(f"{holder}: {foreign[0]!r} in its policy {NOT_OF_TASKS}; {WHERE_AGENTS_SAY_IT}")
    if not policy.model_fields_set:
        return None
    if type(policy) is TaskPolicy:
        return policy
    stated = {name: getattr(policy, name) for name in policy.model_fields_set}
    return TaskPolicy.model_construct(_fields_set=set(stated), **stated)


def from_stated(stated: Mapping[str, Any]) -> TaskPolicy:
    """Return the policy that `stated` described; the same object for the same content, as far as it is remembered.

    Raises:
        ValueError: if it describes none.
    """
    return _from_text(orjson.dumps(stated, option=orjson.OPT_SORT_KEYS))


@functools.lru_cache(maxsize=_REMEMBERED)
def _from_text(stated: bytes) -> TaskPolicy:
    return TaskPolicy.model_validate_json(stated, strict=True)


def _overlaid(base: M, over: BaseModel) -> M:
    """Return a model with the fields that another one was given in their place.

    No `model_copy`: it would take along what `cached_property` keeps, as of before.
    """
    kind = type(base)
    values = {name: getattr(base, name) for name in kind.model_fields}
    for name in over.model_fields_set:
        value = getattr(over, name)
        inner = isinstance(value, BaseModel) and isinstance(values[name], BaseModel)
        values[name] = _overlaid(values[name], value) if inner else value
    return kind.model_construct(_fields_set=base.model_fields_set | over.model_fields_set, **values)
