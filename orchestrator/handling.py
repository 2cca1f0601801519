"""Handling: one call of an agent's handler, bounded in time; whatever it does becomes a value."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent import Agent
from orchestrator.bus import Bus
from orchestrator.clock import Clock
from orchestrator.context import TaskContext
from orchestrator.deadlines import Deadlines
from orchestrator.effects import Effects
from orchestrator.errors import AgentError, CapacityError, GraphError, NotJsonError
from orchestrator.foreign import as_json, one_line
from orchestrator.graph import TaskGraph
from orchestrator.journal import Journal, check_json
from orchestrator.messages import Envelope, Task
from orchestrator.plan import has_references, resolve_payload
from orchestrator.questions import Parked, Question, Questions, QuestionsOfAttempt


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every runner of a run shares."""

    bus: Bus
    graph: TaskGraph
    journal: Journal
    clock: Clock
    effects: Effects
    questions: Questions
    workspace: Path
    seed: int
    capacity: int


class Success(NamedTuple):
    """A handler's answer as plain JSON, and the tasks that it added."""

    output: Any
    children: tuple[Task, ...]


class Failure(NamedTuple):
    """Why a handler gave no answer, in one line, and whether trying again may help."""

    error: str
    again: bool


class Waiting(NamedTuple):
    """What a person has to answer before the handler can go on."""

    question: Question


class _LateError(Exception):
    """Raised when a handler had its time."""


class Handling:
    """Calls the handler of one agent, each call within the same number of seconds."""

    def __init__(self, surroundings: Surroundings, timeout_s: float) -> None:
        self._in, self._timeout_s = surroundings, timeout_s
        self._deadlines = Deadlines(timeout_s)

    def close(self) -> None:
        """Stop the timer."""
        self._deadlines.close()

    async def run(self, agent: Agent, started: Envelope, worker: asyncio.Task[None]) -> Success | Failure | Waiting:
        """Run the handler: the one place where anything an agent raises becomes a value.

        Args:
            agent: whose handler.
            started: says which attempt at which task this is.
            worker: who runs this; only its own cancellation passes.
        """
        task = self._in.graph.task(started.correlation_id)
        results = self._in.graph.results_for(task.id)
        questions = self._in.questions.of(task.id)
        try:
            if task.payload and has_references(task.payload):
                task = task._replace(payload=resolve_payload(task.payload, results))
            context = TaskContext(
                task,
                started.body["attempt"],
                results,
                self._in.workspace,
                self._in.clock,
                effects=self._in.effects.of(started, questions),
                people=questions,
            )
            self._deadlines.begin(worker)
            try:
                output = await agent.handle(task, context)
            finally:
                self._bring_up(worker, questions)
            output = as_json(output)
            return Success(output, self._children(task, context, output) if context.added else ())
        except Parked as parked:
            return Waiting(parked.question)
        except AgentError as error:
            return Failure(one_line(error), again=False)
        except (GraphError, NotJsonError) as error:
            return Failure(refused(error), again=False)
        except _LateError:
            return Failure(f"no answer within {self._timeout_s:g} s", again=True)
        except asyncio.CancelledError:
            if worker.cancelling():
                raise
            return Failure("the handler was cancelled from inside", again=True)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the agent boundary: a stranger's code raised it
            return Failure(_describe(error), again=True)

    def _bring_up(self, worker: asyncio.Task[None], questions: QuestionsOfAttempt) -> None:
        """Raise that the handler had its time, or waits for a person, whatever it made of hearing so."""
        late, cancelled = self._deadlines.end(worker), worker.cancelling()
        if late and not cancelled:
            raise _LateError
        # A task group whose member raised may leave its parent counted as cancelled (before Python 3.13).
        if questions.pending is not None and not (cancelled and isinstance(sys.exception(), asyncio.CancelledError)):
            raise Parked(questions.pending)

    def _children(self, parent: Task, context: TaskContext, output: Any) -> tuple[Task, ...]:
        check_json(output, f"the output of task {parent.id!r}")  # an attempt that fails adds nothing
        for child in context.added:
            check_json(child.to_json(), f"task {child.id!r}")
        limit = 2 * self._in.capacity
        if self._in.graph.open + len(context.added) > limit:
            raise CapacityError(limit)
        return self._in.graph.add_children(parent.id, context.added)


def refused(error: BaseException) -> str:
    """Say in one line that an answer was refused, and why."""
    return f"what the agent gave back was refused: {one_line(error)}"


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {one_line(error)}"
