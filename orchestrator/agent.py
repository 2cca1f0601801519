"""Agent: the contract of whoever handles tasks, its card, and the decorator that makes one of a function."""

from __future__ import annotations

import functools
import hashlib
import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeVar, runtime_checkable

import orjson
from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError, field_validator

from orchestrator.blocking import Bridge, wait_alone
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError, CardError
from orchestrator.messages import Task
from orchestrator.policy import Policy

P = ParamSpec("P")
R = TypeVar("R")
AGENT_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class AgentCard(BaseModel):
    """An agent's self-description: what the router learns it from.

    Attributes:
        name: kebab-case, unique among the registered agents.
        summary: one sentence, what it does.
        examples: requests in people's words that it should get; ten varied ones make a good card.
        version: of the agent, free text.
        policy: how to run it; None takes the orchestrator's default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str = Field(max_length=63)
    summary: str = Field(min_length=1, max_length=1000)
    examples: tuple[str, ...] = Field(min_length=1, max_length=1000)
    version: str = Field(default="1", max_length=63)
    policy: Policy | None = None

    @field_validator("name")
    @classmethod
    def _name_is_kebab_case(cls, name: str) -> str:
        if not AGENT_NAME.fullmatch(name):
            raise ValueError("use kebab-case, for example 'sql-checker'")
        return name

    @field_validator("examples")
    @classmethod
    def _examples_say_something(cls, examples: tuple[str, ...]) -> tuple[str, ...]:
        if any(not example.strip() or len(example) > 10_000 for example in examples):
            raise ValueError("an example request is empty or longer than 10000 characters")
        return examples

    @functools.cached_property
    def digest(self) -> str:
        """16 hex digits over everything that the router learns from."""
        content = orjson.dumps([self.name, self.version, self.summary, self.examples])
        return hashlib.sha256(content).hexdigest()[:16]


@runtime_checkable
class Agent(Protocol):
    """Whoever handles tasks: any object with a card and an async `handle`."""

    @property
    def card(self) -> AgentCard:
        """The self-description."""
        ...

    def handle(self, task: Task, context: TaskContext) -> Awaitable[Any]:
        """Do the task and return a JSON value, a pydantic model or a dataclass."""
        ...


class FunctionAgent(Generic[P, R]):
    """A function with a card. Calling it calls the function; `handle` feeds it from a task.

    The signature is read once, here. The first parameter takes, by its annotation: `str` the request, `Task` the task,
    `dict`/`Mapping` the payload, a pydantic model (or any other type) the payload validated to it. A second parameter,
    if there is one, takes the `TaskContext`. A plain `def` runs in a thread.
    """

    def __init__(self, function: Callable[P, R], card: AgentCard, origin: Callable[..., Any] | None = None) -> None:
        functools.update_wrapper(self, function)
        self._function, self._card = function, card
        self._origin: Callable[..., Any] = origin or function
        self._is_async = inspect.iscoroutinefunction(function)
        parameters, self.input_type = _read_signature(function, card.name)
        self._takes_context = parameters == 2
        self._feed = _feeder(self.input_type, card.name)

    @property
    def card(self) -> AgentCard:
        """The self-description given to the decorator."""
        return self._card

    @property
    def origin(self) -> Callable[..., Any]:
        """What its author wrote: the function, or the `handle` that was adopted."""
        return self._origin

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function as if it were not decorated."""
        return self._function(*args, **kwargs)

    async def handle(self, task: Task, context: TaskContext) -> Any:
        """Validate the task's payload, call the function, return what it returns.

        Raises:
            AgentError: if the payload does not fit the annotation of the function's first parameter.
        """
        call: Any = functools.partial(self._function)
        given = self._feed(task)
        if self._is_async:
            return await (call(given, context) if self._takes_context else call(given))
        if self._takes_context:
            output = await _run_in_thread(call, given, context)
        else:
            output = await context.clock.run_blocking(functools.partial(call, given))
        return await output if inspect.isawaitable(output) else output  # a decorator may hide an async function


def agent(
    name: str,
    *,
    summary: str,
    examples: Sequence[str],
    version: str = "1",
    policy: Policy | None = None,
) -> Callable[[Callable[P, R]], FunctionAgent[P, R]]:
    """Make an agent of a function.

    Raises:
        CardError: if the card or the function's signature is not usable; names the agent and the fault.
    """
    try:
        card = AgentCard(name=name, summary=summary, examples=tuple(examples), version=version, policy=policy)
    except ValidationError as error:
        raise CardError(name, _first_fault(error)) from error
    return lambda function: FunctionAgent(function, card)


def describe_fault(error: ValidationError, what: str) -> str:
    """Return one line for the first fault of a validation error, with the number of further ones."""
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{what}: {_first_fault(error)}{more}"


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg']}" if where else fault["msg"]


def _read_signature(function: Callable[..., Any], name: str) -> tuple[int, Any]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise CardError(name, f"{function!r} is no function with a signature: {error}; wrap it in one") from error
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if not 1 <= len(positional) <= 2 or any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
        raise CardError(name, f"its function {function!r} must take (input) or (input, context)")
    try:
        hints = typing.get_type_hints(function if inspect.isroutine(function) else type(function).__call__)
    except Exception as error:
        raise CardError(name, f"an annotation of {function!r} cannot be resolved: {error}; import its name") from error
    if len(positional) == 2 and hints.get(positional[1].name, Any) not in (TaskContext, Any, object):
        raise CardError(name, f"the second parameter of {function!r} gets the TaskContext; annotate it so or drop it")
    return len(positional), hints.get(positional[0].name, dict)


def _feeder(input_type: Any, name: str) -> Callable[[Task], Any]:
    if input_type is str:
        return lambda task: task.request
    if input_type is Task:
        return lambda task: task
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(input_type)
    except PydanticUserError as error:
        problem = f"its input type {input_type!r} cannot be validated; use str, dict, Task or a pydantic model"
        raise CardError(name, problem) from error

    def feed(task: Task) -> Any:
        try:
            return adapter.validate_python(dict(task.payload))
        except ValidationError as error:
            raise AgentError(describe_fault(error, "payload refused")) from error

    return feed


async def _run_in_thread(call: Callable[..., Any], given: Any, context: TaskContext) -> Any:
    """Call a plain function in a thread, with a context by which it can have effects and ask people from there."""
    if context.wait is not wait_alone:  # in a process of its own it has another way
        return await context.clock.run_blocking(functools.partial(call, given, context))
    bridge = Bridge()
    own = context._replace(wait=bridge.wait, spending=bridge.spending(context.spending))
    return await bridge.run(functools.partial(call, given, own), context.clock)


def adopt(candidate: object) -> Agent:
    """Return `candidate` as an agent, with a plain `handle` moved to a thread; what that returns may be awaitable.

    Raises:
        CardError: if it has no `card` of type AgentCard or no `handle(task, context)`.
    """
    card, handle = getattr(candidate, "card", None), getattr(candidate, "handle", None)
    if not isinstance(card, AgentCard):
        raise CardError(getattr(card, "name", repr(candidate)), "it has no `card` of type AgentCard")
    if not callable(handle):
        raise CardError(card.name, "it has no method `handle(task, context)`")
    if isinstance(candidate, FunctionAgent) or inspect.iscoroutinefunction(handle):
        return typing.cast("Agent", candidate)
    return FunctionAgent(_with_task_input(handle), card, handle)


def _with_task_input(handle: Callable[[Task, TaskContext], Any]) -> Callable[[Task, TaskContext], Any]:
    def run(task: Task, context: TaskContext) -> Any:
        return handle(task, context)

    return run
