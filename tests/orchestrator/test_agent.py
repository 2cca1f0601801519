import asyncio
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from orchestrator.agent import Agent, AgentCard, FunctionAgent, adopt, agent
from orchestrator.clock import VirtualClock, run_virtual
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError, CardError, PointsmanError
from orchestrator.messages import Task

TASK = Task("t", "do it", {"n": 3})


def make(function: Callable[..., Any]) -> FunctionAgent[..., Any]:
    return agent("an-agent", summary="does it", examples=["do it"])(function)


def handled(candidate: Agent, task: Task = TASK) -> Any:
    async def main() -> Any:
        return await candidate.handle(task, TaskContext(task, clock=VirtualClock()))

    return run_virtual(main())


class Numbers(BaseModel):
    """A payload."""

    n: int


async def takes_text(request: str) -> object:
    return request


def takes_text_in_a_thread(request: str) -> object:
    return request


async def takes_payload(payload: dict[str, int]) -> object:
    return payload


async def takes_mapping(payload: Mapping[str, int]) -> object:
    return dict(payload)


async def takes_anything(payload) -> object:  # type: ignore[no-untyped-def]  # noqa: ANN001
    return payload


async def takes_task(task: Task) -> object:
    return task.id


async def takes_model(numbers: Numbers) -> object:
    return numbers.n


async def takes_context(request: str, context: TaskContext) -> object:
    return context.task.id


async def takes_untyped_context(request: str, context) -> object:  # type: ignore[no-untyped-def]  # noqa: ANN001
    return context.attempt


async def takes_an_option_too(request: str, *, loud: bool = False) -> object:
    return loud


@pytest.mark.parametrize(
    ("function", "outcome"),
    [
        (takes_text, "do it"),
        (takes_text_in_a_thread, "do it"),
        (takes_payload, {"n": 3}),
        (takes_mapping, {"n": 3}),
        (takes_anything, {"n": 3}),
        (takes_task, "t"),
        (takes_model, 3),
        (takes_context, "t"),
        (takes_untyped_context, 1),
        (takes_an_option_too, False),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_first_parameter_is_fed_by_its_annotation(function: Callable[..., Any], outcome: object) -> None:
    """`str` the request, `Task` the task, a mapping the payload, a model the validated payload; then the context."""
    assert handled(make(function)) == outcome


def test_a_decorated_function_is_still_that_function() -> None:
    """It can be called, and keeps its name and docstring."""

    def double(n: int) -> int:
        """Twice as much."""
        return 2 * n

    made = make(double)
    assert made(4) == 8
    assert (getattr(made, "__name__", ""), made.__doc__) == ("double", "Twice as much.")
    assert made.card.name == "an-agent"


def test_an_async_function_behind_a_plain_decorator_is_awaited() -> None:
    """People decorate handlers with their own tracing; the coroutine that comes out is not the output."""

    @functools.wraps(takes_text)
    def traced(request: str) -> Any:
        return takes_text(request)

    assert handled(make(traced)) == "do it"


def test_a_plain_function_runs_in_a_thread() -> None:
    """With the system's clock, a blocking handler does not block the loop."""

    async def main() -> str:
        async with asyncio.TaskGroup() as group:
            first = group.create_task(make(takes_text_in_a_thread).handle(TASK, TaskContext(TASK)))
        return str(first.result())

    assert asyncio.run(main()) == "do it"


class Opaque:
    """Nothing that pydantic could validate."""


def none_at_all() -> None: ...


def three(a: str, b: TaskContext, c: str) -> None: ...


def needs_keyword(a: str, *, loud: bool) -> None: ...


def anything(*args: str) -> None: ...


def no_context(request: str, limit: int = 10) -> None: ...


def opaque(x: Opaque) -> None: ...


def unresolvable(x: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821


def not_an_expression(x: "str |") -> None: ...  # type: ignore[valid-type]  # noqa: F722


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (none_at_all, "must take"),
        (three, "must take"),
        (needs_keyword, "must take"),
        (anything, "must take"),
        (dict, "signature"),
        (no_context, "gets the TaskContext"),
        (opaque, "cannot be validated"),
        (unresolvable, "cannot be resolved"),
        (not_an_expression, "cannot be resolved"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_function_that_cannot_be_fed_is_refused_at_once(function: Callable[..., Any], problem: str) -> None:
    """Signatures are read at registration, and the error names the agent and the fault."""
    with pytest.raises(CardError, match=problem) as caught:
        make(function)
    assert caught.value.agent == "an-agent"


@pytest.mark.parametrize(
    ("card", "problem"),
    [
        ({"name": "Not Kebab"}, "kebab-case"),
        ({"name": "a" * 64}, "name"),
        ({"summary": ""}, "summary"),
        ({"examples": []}, "examples"),
        ({"examples": [" "]}, "empty or longer"),
    ],
)
def test_a_card_that_says_nothing_is_refused(card: dict[str, Any], problem: str) -> None:
    """A name in kebab-case, a summary and at least one real example: the router learns from nothing else."""
    good: dict[str, Any] = {"name": "an-agent", "summary": "does it", "examples": ["do it"]}
    with pytest.raises(CardError, match=problem):
        agent(**good | card)(takes_text)


def test_the_digest_covers_what_the_router_learns_from_and_nothing_else() -> None:
    """Another example changes it, another policy does not."""
    card = AgentCard(name="a", summary="s", examples=("e",))
    assert card.digest == AgentCard(name="a", summary="s", examples=("e",)).digest
    assert card.digest != AgentCard(name="a", summary="s", examples=("f",)).digest
    assert len(card.digest) == 16


def test_a_payload_that_does_not_fit_is_one_line() -> None:
    """The task fails at once, and its error says which field and how many more."""

    class Two(BaseModel):
        a: int
        b: int

    async def wants_two(two: Two) -> None: ...

    with pytest.raises(AgentError) as caught:
        handled(make(wants_two), Task("t", "x", {"a": "no"}))
    assert str(caught.value).startswith("payload refused: a: Input should be a valid integer")
    assert str(caught.value).endswith("(and 1 more)")
    assert "\n" not in str(caught.value)
    with pytest.raises(AgentError, match="valid integer"):
        handled(make(takes_payload), Task("t", "x", {"n": "no"}))


class WithAsyncHandle:
    """An agent without any decorator."""

    card = AgentCard(name="plain", summary="s", examples=("e",))

    async def handle(self, task: Task, context: TaskContext) -> str:
        return task.request


class WithPlainHandle:
    """An agent whose handle blocks."""

    card = AgentCard(name="blocking", summary="s", examples=("e",))

    def handle(self, task: Task, context: TaskContext) -> str:
        return task.request


def test_any_object_with_a_card_and_a_handle_is_an_agent() -> None:
    """No base class: an async handle is taken as it is, a plain one is moved to a thread."""
    taken = WithAsyncHandle()
    assert adopt(taken) is taken
    assert isinstance(taken, Agent)
    assert handled(adopt(WithPlainHandle())) == "do it"
    function_agent = make(takes_text)
    assert adopt(function_agent) is function_agent


def test_what_only_looks_like_an_agent_is_refused() -> None:
    """A card of another type is named in the error."""

    class Odd:
        card = "odd"

    with pytest.raises(CardError, match="no `card` of type AgentCard"):
        adopt(Odd())


def test_added_tasks_are_named_after_their_parent() -> None:
    """Names count up; `after` may be one id; everything else is as for any task."""
    context = TaskContext(TASK)
    context.add_task("first")
    context.add_task("second", after="t/1", agent="b", on_failure="skip", estimate_s=2, payload={"x": 1})
    context.add_task("third", id="own")
    assert context.added == [
        Task("t/1", "first", parent="t"),
        Task("t/2", "second", {"x": 1}, ("t/1",), "b", "skip", 2, "t"),
        Task("own", "third", parent="t"),
    ]
    with pytest.raises(PointsmanError, match="task id"):
        context.add_task("bad", id="not an id")


def test_a_path_stays_in_the_workspace(tmp_path: Path) -> None:
    """`..`, absolute paths and links that lead out are refused; everything inside is found."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "way-out").symlink_to(outside)
    (tmp_path / "way-in").symlink_to(inside)
    context = TaskContext(TASK, workspace=inside)
    assert context.path("a/../b.txt") == inside / "b.txt"
    assert context.path(str(inside / "c")) == inside / "c"
    assert TaskContext(TASK, workspace=tmp_path / "way-in").path("d") == inside / "d"
    for escape in ("../outside/x", "/etc/passwd", "way-out/x", "a/../../outside"):
        with pytest.raises(AgentError, match="leads out of the workspace"):
            context.path(escape)
