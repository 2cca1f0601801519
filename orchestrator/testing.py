"""Test doubles, shipped because people who write agents need the same ones as our own tests."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, ParamSpec

import numpy as np

from orchestrator.agent import AgentCard
from orchestrator.clock import run_virtual
from orchestrator.context import TaskContext
from orchestrator.messages import EMPTY, Task
from orchestrator.policy import Policy
from router import Abstained, AgentProfile, Contribution, Prediction, RouterError
from router.prediction import Scoreboard

P = ParamSpec("P")
_A_DAY: Final = 86_400.0


class ScriptedAgent:
    """An agent that plays back outcomes: the first task gets the first, and so on; the last one stays.

    An outcome is a value to return, an exception to raise, or a function of task and context (async or not) that
    returns the value. `calls` lists the tasks as they came.
    """

    def __init__(
        self,
        name: str,
        outcomes: Sequence[Any] = (None,),
        *,
        takes_s: float = 0.0,
        policy: Policy | None = None,
        examples: Sequence[str] = (),
    ) -> None:
        self.card = AgentCard(
            name=name,
            summary=f"plays the part of {name}",
            examples=tuple(examples) or (f"please ask {name}",),
            policy=policy,
        )
        self.calls: list[Task] = []
        self._outcomes, self._takes_s = tuple(outcomes), takes_s

    async def handle(self, task: Task, context: TaskContext) -> Any:
        """Play the next outcome."""
        outcome = self._outcomes[min(len(self.calls), len(self._outcomes) - 1)]
        self.calls.append(task)
        if self._takes_s:
            await asyncio.sleep(self._takes_s)
        if isinstance(outcome, BaseException):
            raise outcome
        if callable(outcome):
            outcome = outcome(task, context)
            if asyncio.iscoroutine(outcome):
                outcome = await outcome
        return outcome


class FixedRouter:
    """A router that is told where texts go: to the first agent whose name occurs in the text, else nowhere.

    `routes` adds words that stand for an agent.
    """

    fingerprint = "fixed"

    def __init__(self, routes: Mapping[str, str] = EMPTY) -> None:
        self._routes = dict(routes)
        self._profiles: dict[str, AgentProfile] = {}

    def add(self, profile: AgentProfile) -> None:
        """Know an agent from now on."""
        self._profiles[profile.name] = profile

    def remove(self, name: str) -> None:
        """Know an agent no longer.

        Raises:
            RouterError: if it was not known.
        """
        if self._profiles.pop(name, None) is None:
            raise RouterError(f"agent {name!r} is not registered")

    def predict(self, text: str, vetoes: Mapping[str, str] = EMPTY) -> Prediction:
        """Return the agent that the text names with confidence 1, or abstain with confidence 0."""
        names = tuple(self._profiles)
        words = {name: name for name in names} | self._routes
        wanted = next((name for word, name in words.items() if word in text and name in names), "")
        choice: str | Abstained = wanted or Abstained.BELOW_THRESHOLD
        if wanted in vetoes:
            choice = Abstained.ALL_VETOED
        scores = np.array([float(name == wanted) for name in names], dtype=np.float32)
        versions = tuple(profile.version for profile in self._profiles.values())
        sure = float(isinstance(choice, str))
        board = Scoreboard(names, versions, scores, vetoes)
        return Prediction(choice, wanted, "", sure, sure, 0.5, self.fingerprint, board)

    def explain(self, text: str, agent: str) -> tuple[Contribution, ...]:
        """Return the agent's name as the one word that decided."""
        return (Contribution(agent, float(agent in text)),)


async def until_blocked() -> None:
    """Let every other asyncio.Task run until it waits for something.

    On a `VirtualTimeLoop` a timer fires only when nothing else can run, so the shortest of timers waits for just that.
    """
    await asyncio.sleep(1e-9)


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Decorate an async test: it runs on a `VirtualTimeLoop`, and what hangs there ends after a day, at once.

    Raises:
        TimeoutError: out of the test, if it is still waiting after a day of virtual time.
    """

    async def limited(*args: P.args, **kwargs: P.kwargs) -> None:
        async with asyncio.timeout(_A_DAY):
            await test(*args, **kwargs)

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtual(limited(*args, **kwargs))

    return run
