"""Given: what is there before the first step of a scenario: agents, files, the router's threshold."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from orchestrator.agent import AGENT_NAME
from orchestrator.plan import TaskEntry
from orchestrator.policy import Policy
from orchestrator.questions import MAX_QUESTION
from orchestrator.settings import WhenAbstained
from scenarios.entry import Entry, Seconds, Texts


class AddedTask(TaskEntry):
    """A task that a scripted agent adds; without `id` it is named after its parent: `PARENT/1`."""

    id: str = ""


class Question(Entry):
    """What a scripted agent asks people; what they answer is its output, unless the script says what it returns."""

    question: str = Field(min_length=1, max_length=MAX_QUESTION)
    options: Texts = ()


class Behaviour(Entry):
    """What a scripted agent does with each task, in this order: take time, ask, fail, add tasks, return."""

    takes_s: Seconds = 0.0
    asks: Question | None = None
    fails: str = Field(default="", description="error of an attempt that may be repeated")
    times: int | None = Field(default=None, ge=1, description="attempts of each task that fail; all, if not given")
    raises: str = Field(default="", description="error that no attempt can mend")
    adds_tasks: tuple[AddedTask, ...] = ()
    returns: Any = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Behaviour:
        if self.times is not None and not self.fails:
            raise ValueError("`times` counts failing attempts; add `fails: ERROR`")
        if self.fails and self.raises:
            raise ValueError("`fails` may be repeated and `raises` may not; keep one of them")
        return self


class ScriptedAgent(Entry):
    """An agent that exists in this scenario only."""

    agent: str = Field(max_length=63)
    summary: str = Field(min_length=1, max_length=1000)
    examples: Texts = Field(min_length=1, max_length=1000)
    behaviour: Behaviour = Behaviour()
    policy: Policy | None = None

    @field_validator("agent")
    @classmethod
    def _is_kebab_case(cls, name: str) -> str:
        if not AGENT_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no agent's name; use kebab-case, for example 'slow-clerk'")
        return name

    @field_validator("policy")
    @classmethod
    def _runs_here(cls, policy: Policy | None) -> Policy | None:
        if policy is not None and policy.isolation == "process":
            raise ValueError("a script has no process of its own; take `isolation` out, or name an installed agent")
        return policy

    @field_validator("examples")
    @classmethod
    def _say_something(cls, examples: tuple[str, ...]) -> tuple[str, ...]:
        if not all(example.strip() for example in examples):
            raise ValueError("an example request is empty; write what a person would ask")
        return examples


class Person(Entry):
    """Somebody who answers one question of a task; of several who are meant the first who has not answered does."""

    task: str = Field(min_length=1)
    answers: str = Field(min_length=1)
    key: str = Field(default="", description="of the question; empty for any")
    takes_s: Seconds = Field(default=0.0, description="seconds from the question to the answer")
    by: str = ""
    output: Any = Field(default=None, description="what came of an effect in doubt that took place")


class Git(Entry):
    """A repository made in the copy of the workspace from a `git fast-import` stream."""

    history: str = Field(description="file of the stream, relative to the scenario")
    into: str = Field(min_length=1, description="folder in the workspace")


class Given(Entry):
    """What is there before the first step."""

    agents: Texts = Field(default=(), description="names of installed agents, or all")
    scripted: tuple[ScriptedAgent, ...] = ()
    policy: dict[str, Policy] = Field(default_factory=dict, description="how to run an agent, instead of its card's")
    workspace: str = Field(default="", description="folder to copy, relative to the scenario")
    git: Git | None = None
    threshold: float | None = Field(default=None, ge=0, le=1, description="below this confidence the router abstains")
    fallback: str = Field(default="", description="agent that gets what the router abstains on")
    when_abstained: WhenAbstained = Field(default="end", description="ask: people say who gets it")
    people: tuple[Person, ...] = Field(default=(), description="who answers the questions of tasks")

    @model_validator(mode="after")
    def _scripts_run_here(self) -> Given:
        for script in self.scripted:
            if script.agent in self.policy and self.policy[script.agent].isolation == "process":
                raise ValueError(f"agent {script.agent!r} is scripted, and a script has no process of its own")
        return self

    @property
    def all_agents(self) -> bool:
        """Whether every installed agent is there."""
        return self.agents == ("all",)
