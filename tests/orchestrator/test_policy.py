"""Policy: bounds, waits, which failures are tried again, and what overrides what."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from orchestrator.causes import Cause, kinds_of
from orchestrator.errors import PointsmanError
from orchestrator.http import HttpPolicy
from orchestrator.messages import Task
from orchestrator.plan import Plan
from orchestrator.policy import OF_AGENTS, Policies, Policy, Retry, TaskPolicy, for_tasks, from_stated


@given(st.integers(1, 100), st.floats(0, 3600), st.floats(1, 10), st.floats(0, 1))
def test_a_wait_stays_between_its_bounds(attempt: int, backoff_s: float, factor: float, jitter: float) -> None:
    """A wait grows by the factor up to its bound, and jitter takes away at most its share."""
    retry = Retry(backoff_s=backoff_s, factor=factor, jitter=jitter)
    full = min(backoff_s * factor ** (attempt - 1), retry.max_backoff_s)
    wait = retry.delay(attempt, random.Random(1))
    assert full * (1 - jitter) * 0.999999 <= wait <= full * 1.000001


def test_without_jitter_waits_are_exact() -> None:
    """Half a second, doubled each time, never more than a minute."""
    retry = Retry(jitter=0)
    assert [retry.delay(n, random.Random(1)) for n in (1, 2, 3, 20)] == [0.5, 1.0, 2.0, 60.0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"concurrency": 0},
        {"timeout_s": 0},
        {"retry": {"max_attempts": 0}},
        {"tries": 2},
        {"retry": {"total_s": 0}},
        {"retry": {"never": [""]}},
        {"retry": {"only": ["Value Error"]}},
    ],
)
def test_a_policy_that_could_never_run_is_refused(wrong: dict[str, object]) -> None:
    """Bounds and names are checked when the policy is made."""
    with pytest.raises(ValidationError):
        Policy.model_validate(wrong)


# --- which failures are tried again -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("retry", "error", "why"),
    [
        (Retry(), ValueError(), ""),
        (Retry(never=("ValueError",)), ValueError(), "ValueError is in `never`"),
        (Retry(never=("ValueError",)), UnicodeDecodeError("x", b"", 0, 1, "x"), "ValueError is in `never`"),
        (Retry(never=("ValueError",)), KeyError(), ""),
        (Retry(never=("raised",)), KeyError(), "raised is in `never`"),
        (Retry(only=("OSError",)), ConnectionResetError(), ""),
        (Retry(only=("OSError", "timeout")), KeyError(), "KeyError is not in `only`"),
        (Retry(only=("OSError",), never=("ConnectionError",)), ConnectionResetError(), "ConnectionError is in `never`"),
        (Retry(only=("ConnectionError",), never=("OSError",)), ConnectionResetError(), "OSError is in `never`"),
    ],
)
def test_a_failure_is_told_by_its_class_and_those_that_it_is_made_of(retry: Retry, error: Exception, why: str) -> None:
    """Base classes and causes count like the class; `never` goes before `only`."""
    assert retry.why_not(Cause.RAISED, kinds_of(error)) == why


def test_a_failure_without_an_exception_is_told_by_its_cause() -> None:
    """A timeout, a crash and the like have no class."""
    retry = Retry(only=("timeout",), never=("crash",))
    assert retry.why_not(Cause.TIMEOUT, ()) == ""
    assert retry.why_not(Cause.CRASH, ()) == "crash is in `never`"
    assert retry.why_not(Cause.CPU, ()) == "cpu is not in `only`"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("timout", r"neither a cause nor the name of an exception's class; did you mean 'timeout'\?"),
        ("memory", "neither a cause"),
        ("gave-up", "'gave-up' is never tried again; leave it out"),
        ("refused", "never tried again"),
        ("httpx.ConnectError", "has a dot; write the class's own name: ConnectError"),
        ("...", "neither a cause"),
    ],
)
def test_a_name_that_could_never_match_is_refused(name: str, problem: str) -> None:
    """A misspelt cause would be taken for a class of that name and never be met."""
    with pytest.raises(ValidationError, match=problem):
        Retry(never=(name,))


def test_classes_in_small_letters_are_errors_by_name() -> None:
    """Some modules call theirs `error` or the like; one name needs no list."""
    assert Retry.model_validate({"only": "gaierror", "never": ["error"]}).only == ("gaierror",)


def test_what_the_http_client_cannot_heed_is_refused() -> None:
    """Its retries go by status and by what was sent; it has a time for all attempts already."""
    assert HttpPolicy(retry=Retry(max_attempts=2)).retry.max_attempts == 2
    for retry in (Retry(only=("OSError",)), Retry(never=("OSError",)), Retry(total_s=3)):
        with pytest.raises(ValidationError, match="is for tasks; which answers are tried again is fixed"):
            HttpPolicy(retry=retry)


# --- what overrides what ----------------------------------------------------------------------------------------------

RETRIES: dict[str, Any] = {
    "max_attempts": st.integers(1, 5),
    "backoff_s": st.sampled_from([0.0, 0.5, 7.0]),
    "jitter": st.sampled_from([0.0, 0.1, 1.0]),
    "total_s": st.none() | st.sampled_from([1.0, 60.0]),
    "never": st.sampled_from([(), ("ValueError",), ("timeout", "KeyError")]),
}
OF_TASKS: dict[str, Any] = {
    "timeout_s": st.sampled_from([1.0, 60.0]),
    "retry": st.fixed_dictionaries({}, optional=RETRIES),
}
BREAKERS: dict[str, Any] = {"failures": st.integers(1, 9), "cooldown_s": st.sampled_from([1.0, 30.0])}
OF_ALL: dict[str, Any] = {
    **OF_TASKS,
    "concurrency": st.integers(1, 5),
    "breaker": st.fixed_dictionaries({}, optional=BREAKERS),
}
STATED = st.fixed_dictionaries({}, optional=OF_TASKS)
STATED_BY_AGENTS = st.fixed_dictionaries({}, optional=OF_ALL)


def flat(values: dict[str, Any], way: str = "") -> dict[str, Any]:
    """Return the values of nested mappings by path; an empty mapping says nothing."""
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        leaves |= flat(value, f"{way}{key}.") if isinstance(value, dict) else {f"{way}{key}": value}
    return leaves


def dumped(policy: BaseModel) -> dict[str, Any]:
    return flat(policy.model_dump())


@given(STATED_BY_AGENTS, STATED_BY_AGENTS, STATED, STATED)
def test_the_most_specific_wins_field_by_field(
    settings: dict[str, Any], card: dict[str, Any], plan: dict[str, Any], task: dict[str, Any]
) -> None:
    """Task before plan before card before settings before default, for each field and each field of a field."""
    base = Policy.model_validate(settings).overridden_by(Policy.model_validate(card))
    made = Policies(base).of(TaskPolicy.model_validate(plan), TaskPolicy.model_validate(task))
    assert dumped(made) == dumped(Policy()) | flat(settings) | flat(card) | flat(plan) | flat(task)


@given(STATED, STATED)
def test_what_a_policy_remembers_is_not_handed_on(one: dict[str, Any], other: dict[str, Any]) -> None:
    """What was put together says of itself what holds for it, not for one of those that it was made of."""
    base = Policy.model_validate(one)
    assert flat(base.stated) == flat(base.model_dump(mode="json", exclude_unset=True))
    made = base.overridden_by(TaskPolicy.model_validate(other))
    assert flat(made.stated) == flat(made.model_dump(mode="json", exclude_unset=True))
    assert Policy.model_validate(made.unusual()) == made


def test_a_field_that_states_its_default_still_wins() -> None:
    """`timeout_s: 60` in a task means a minute, whatever the card says."""
    policies = Policies(Policy(timeout_s=5, retry=Retry(max_attempts=9, backoff_s=7)))
    made = policies.of(None, TaskPolicy(timeout_s=60, retry=Retry(max_attempts=3)))
    assert (made.timeout_s, made.retry.max_attempts, made.retry.backoff_s) == (60, 3, 7)
    assert policies.of(None, TaskPolicy()).timeout_s == 5


def test_tasks_that_state_nothing_share_the_policy_of_their_agent() -> None:
    """Nothing is made for them, and nothing twice for those that share what they state."""
    base, plan, task = Policy(), TaskPolicy(timeout_s=5), TaskPolicy(retry=Retry(max_attempts=1))
    policies = Policies(base)
    assert policies.of(None, None) is base
    assert policies.of(plan, task) is policies.of(plan, task)
    assert policies.of(plan, None) is not policies.of(plan, task)


def test_no_more_policies_are_remembered_than_a_thousand() -> None:
    """A run in which every task states its own holds no more of them than that."""
    policies = Policies(Policy())
    for number in range(1, 2500):
        assert policies.of(None, TaskPolicy(timeout_s=number)).timeout_s == number
        assert len(policies._made) <= 1000


def test_limits_of_a_process_go_with_the_process() -> None:
    """A card that wants none, where the settings want one with bounds, is run without either."""
    bounded = Policy(isolation="process", memory_mb=100, cpu_s=3, timeout_s=5)
    made = bounded.overridden_by(Policy(isolation="none"))
    assert (made.isolation, made.memory_mb, made.cpu_s, made.timeout_s) == ("none", None, None, 5)
    assert bounded.overridden_by(Policy(concurrency=2)).memory_mb == 100


# --- what tasks and plans state ---------------------------------------------------------------------------------------


@given(STATED)
def test_what_a_task_states_comes_back_from_its_record(stated: dict[str, Any]) -> None:
    """Nothing more and nothing less is on record, and one object serves all tasks that state the same."""
    task = Task("a", "x", policy=TaskPolicy.model_validate(stated))
    again = Task.from_json(task.to_json())
    assert again == task
    assert again.to_json() == task.to_json()
    if task.policy is not None:
        assert flat(from_stated(task.policy.stated).model_dump(exclude_unset=True)) == flat(stated)
        assert from_stated(task.policy.stated) is from_stated(dict(task.policy.stated))
    assert ("policy" in task.to_json()) == bool(stated)


def test_a_task_may_be_given_a_policy_of_any_kind_that_states_what_is_its() -> None:
    """One class is enough for those who write Python."""
    task = Task("a", "x", policy=Policy(timeout_s=5))
    assert task == Task("a", "x", policy=TaskPolicy(timeout_s=5))
    assert Task("a", "x", policy=Policy()).policy is None


@pytest.mark.parametrize("name", sorted(OF_AGENTS))
def test_what_belongs_to_an_agent_is_refused_by_name(name: str) -> None:
    """Neither a task nor a plan can have it."""
    values: dict[str, Any] = {"breaker": {}, "restart": {}, "budget": {}, "isolation": "process"}
    process = {"isolation": "process"} if name in ("memory_mb", "cpu_s", "restart") else {}
    policy = Policy.model_validate({**process, name: values.get(name, 3)})
    problem = r"'\w+' in its policy belongs to an agent, not to a plan or task; write it on the agent's card"
    with pytest.raises(PointsmanError, match=rf"^task 'a': {problem}"):
        Task("a", "x", policy=policy)
    with pytest.raises(PointsmanError, match=rf"^plan 'p': {problem}"):
        Plan("p", (Task("a", "x"),), policy=policy)


def test_what_is_no_policy_is_refused() -> None:
    """A mapping is a likely mistake."""
    mapping: Any = {"timeout_s": 5}
    with pytest.raises(PointsmanError, match=r"task 'a': its policy is {'timeout_s': 5}; give a Policy"):
        Task("a", "x", policy=mapping)


def test_a_plan_hands_its_policy_down() -> None:
    """Each of its tasks bears it, beside its own; a plan that states none leaves its tasks as they are."""
    own = TaskPolicy(retry=Retry(max_attempts=1))
    plan = Plan("p", (Task("a", "x"), Task("b", "x", policy=own)), policy=Policy(timeout_s=5))
    assert [task.plan_policy for task in plan.tasks] == [TaskPolicy(timeout_s=5)] * 2
    assert [task.policy for task in plan.tasks] == [None, own]
    assert Plan("q", plan.tasks).tasks == plan.tasks
    assert [Task.from_json(task.to_json()) for task in plan.tasks] == list(plan.tasks)
    assert for_tasks(TaskPolicy(), "p") is None
