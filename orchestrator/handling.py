"""Handling: one call of an agent's handler, bounded in time; whatever it does becomes a value."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic_core import to_jsonable_python

from orchestrator.agent import Agent, TaskContext
from orchestrator.bus import Bus
from orchestrator.clock import Clock
from orchestrator.deadlines import Deadlines
from orchestrator.errors import AgentError, CapacityError, GraphError, NotJsonError
from orchestrator.graph import TaskGraph
from orchestrator.journal import Journal, check_json
from orchestrator.messages import Task
from orchestrator.plan import has_references, resolve_payload

_MAX_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every runner of a run shares."""

    bus: Bus
    graph: TaskGraph
    journal: Journal
    clock: Clock
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

    async def run(self, agent: Agent, task: Task, number: int, worker: asyncio.Task[None]) -> Success | Failure:
        """Run the handler: the one place where anything an agent raises becomes a value.

        Args:
            agent: whose handler.
            task: what it gets, with references to results still in its payload.
            number: of the attempt, from 1.
            worker: who runs this; only its own cancellation passes.
        """
        results = self._in.graph.results_for(task.id)
        try:
            if task.payload and has_references(task.payload):
                task = task._replace(payload=resolve_payload(task.payload, results))
            context = TaskContext(task, number, results, self._in.workspace, self._in.clock)
            self._deadlines.begin(worker)
            try:
                output = await agent.handle(task, context)
            finally:
                if self._deadlines.end(worker) and not worker.cancelling():
                    raise _LateError  # whatever the handler made of its cancellation
            output = _as_json(output)
            return Success(output, self._children(task, context, output) if context.added else ())
        except AgentError as error:
            return Failure(_one_line(error), again=False)
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

    def _children(self, parent: Task, context: TaskContext, output: Any) -> tuple[Task, ...]:
        check_json(output, f"the output of task {parent.id!r}")  # an attempt that fails adds nothing
        for child in context.added:
            check_json(child.to_json(), f"task {child.id!r}")
        limit = 2 * self._in.capacity
        if self._in.graph.open + len(context.added) > limit:
            raise CapacityError(limit)
        return self._in.graph.add_children(parent.id, context.added)


def _as_json(output: Any) -> Any:
    """Return plain JSON of models, dataclasses and the like; NaN and infinity, which JSON does not have, are null."""
    try:
        return to_jsonable_python(output, inf_nan_mode="null")
    except (ValueError, RecursionError) as error:  # an unknown type, bytes that are no text, or circular
        raise NotJsonError(str(error)) from error


def refused(error: BaseException) -> str:
    """Say in one line that an answer was refused, and why."""
    return f"what the agent gave back was refused: {_one_line(error)}"


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {_one_line(error)}"


def _one_line(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a stranger's __str__
        text = ""
    line = " ".join(text.split())[:_MAX_ERROR].encode("utf-8", "backslashreplace").decode()
    return line or type(error).__name__
