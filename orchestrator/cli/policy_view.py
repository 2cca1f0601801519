"""The view of a policy: how a task of a run was run, and who stated what of it, from the journal alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.topics import AGENT_REGISTERED, TASK_SUBMITTED

if TYPE_CHECKING:
    from orchestrator.journal import JournalReader
    from orchestrator.policy import Policy, TaskPolicy


@dataclass(frozen=True, slots=True)
class RunUnder:
    """How a task was run: the policy that held, and what the plan and the task stated of it."""

    policy: Policy
    plan: TaskPolicy | None
    task: TaskPolicy | None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        stated = {"plan": self.plan, "task": self.task}
        return {
            "policy": self.policy.model_dump(mode="json"),
            "stated": {who: policy.stated for who, policy in stated.items() if policy is not None},
        }

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield it in words, a name and a text each."""
        yield "run under", "; ".join(_in_words(self.policy))
        for who, policy in (("plan", self.plan), ("task", self.task)):
            if policy is not None:
                yield f"stated by the {who}", ", ".join(f"{path} {value}" for path, value in _leaves(policy.stated))


def find_policy(reader: JournalReader, run: str, task: str, agent: str) -> RunUnder | None:
    """Return how a task was run; None where nobody ran it, or its journal is from before policies were on record."""
    from orchestrator.messages import Task
    from orchestrator.policy import Policy

    registered = (row.envelope.body for row in reader.rows(run=run, topics=(AGENT_REGISTERED,)))
    bodies = [body for body in registered if body["agent"] == agent and "policy" in body]
    submitted = next((row.envelope.body for row in reader.rows(run=run, task=task, topics=(TASK_SUBMITTED,))), None)
    if not bodies or submitted is None:
        return None
    stated = Task.from_json(submitted["task"])
    policy = Policy.model_validate(bodies[-1]["policy"]).overridden_by(stated.plan_policy)
    return RunUnder(policy.overridden_by(stated.policy), stated.plan_policy, stated.policy)


def _in_words(policy: Policy) -> Iterator[str]:
    retry = policy.retry
    yield f"{policy.timeout_s:g} s an attempt"
    if retry.max_attempts == 1:
        yield "1 attempt"
        return
    waits = f"waits of {retry.backoff_s:g} s, times {retry.factor:g}, up to {retry.max_backoff_s:g} s"
    yield f"{retry.max_attempts} attempts, {waits}"
    if retry.total_s is not None:
        yield f"none later than {retry.total_s:g} s after the first"
    if retry.only:
        yield f"again only after {', '.join(retry.only)}"
    if retry.never:
        yield f"not again after {', '.join(retry.never)}"


def _leaves(stated: Mapping[str, Any], way: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in stated.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{way}{key}.")
        else:
            yield f"{way}{key}", ", ".join(value) if isinstance(value, list) else value
