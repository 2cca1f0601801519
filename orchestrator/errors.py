"""The error tree: one root, one page, each message says what, which one, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orchestrator.causes import Cause

if TYPE_CHECKING:
    from orchestrator.budget import Shortage

#: So many tasks of a cycle are named, at most: a person reads it.
_NAMED: Final = 12


class PointsmanError(Exception):
    """Root of every error that this project raises on purpose."""


# --- what came from outside and was refused ---------------------------------------------------------------------------


class DocumentError(PointsmanError):
    """Raised when a plan, scenario, settings or other file from outside is refused.

    Attributes:
        path: the file as the user named it.
        line: 1-based; 0 where the file as a whole is meant.
        column: 1-based; 0 where the file as a whole is meant.
        problem: what is wrong and which part.
        hint: what to do; may be empty.
    """

    def __init__(self, path: str | Path, line: int, column: int, problem: str, hint: str = "") -> None:
        self.path, self.line, self.column, self.problem, self.hint = str(path), line, column, problem, hint
        where = f"{path}:{line}:{column}" if line else str(path)
        super().__init__(f"{where}: {problem}" + (f"; {hint}" if hint else ""))


class TopicError(PointsmanError):
    """Raised when a topic or pattern is not made of dot-separated tokens; names the offending text."""

    def __init__(self, text: str, problem: str) -> None:
        self.text = text
        super().__init__(f"topic {text!r}: {problem}; use dot-separated tokens such as 'task.routed' or 'task.*'")


# --- the bus ----------------------------------------------------------------------------------------------------------


class BusError(PointsmanError):
    """Root of what the bus raises."""


class BusClosedError(BusError):
    """Raised when a closed bus or subscription is asked to publish or receive."""


class RequestTimeoutError(BusError):
    """Raised when no reply came before the deadline; carries the topic and the seconds waited."""

    def __init__(self, topic: str, seconds: float) -> None:
        self.topic, self.seconds = topic, seconds
        super().__init__(f"no reply on {topic!r} within {seconds:g} s; raise the deadline or look at who serves it")


# --- the graph --------------------------------------------------------------------------------------------------------


class GraphError(PointsmanError):
    """Root of what the task graph refuses."""


class CycleError(GraphError):
    """Raised when dependencies form a cycle; `cycle` lists the task ids along it."""

    def __init__(self, cycle: tuple[str, ...]) -> None:
        self.cycle = cycle
        short = cycle if len(cycle) <= _NAMED else (*cycle[: _NAMED - 2], f"... {len(cycle)} tasks ...", cycle[-1])
        path = " -> ".join((*short, cycle[0]))
        super().__init__(f"tasks wait for each other: {path}; remove one of these dependencies")


class UnknownTaskError(GraphError):
    """Raised when a task waits for one that does not exist; carries both ids."""

    def __init__(self, task: str, missing: str, hint: str = "") -> None:
        self.task, self.missing = task, missing
        super().__init__(f"task {task!r} waits for {missing!r}, which does not exist" + (f"; {hint}" if hint else ""))


class DuplicateTaskError(GraphError):
    """Raised when a task id is used twice within a run."""

    def __init__(self, task: str) -> None:
        self.task = task
        super().__init__(f"task id {task!r} is already in this run; give the second one another id")


class CapacityError(GraphError):
    """Raised when a plan, or what an agent adds, is more than may ever be held; nothing of it was taken.

    Attributes:
        capacity: the most tasks.
        count: how many were given; 0 where nobody counted.
    """

    def __init__(self, capacity: int, count: int = 0, *, holder: str = "a run") -> None:
        self.capacity, self.count = capacity, count
        given = f"{count} tasks at once: " if count else ""
        unfinished = "unfinished tasks" if holder == "a run" else "tasks"
        super().__init__(
            f"{given}{holder} holds {capacity} {unfinished} at most; raise `capacity` or add fewer at a time"
        )


# --- agents and plugins -----------------------------------------------------------------------------------------------


class AgentError(PointsmanError):
    """Raise this in a handler when trying again cannot help: the task fails at once, without retries."""


class AttemptError(PointsmanError):
    """Raised when an attempt ended without an answer; carries the cause and, of an exception, its classes' names."""

    def __init__(self, cause: Cause, problem: str, kinds: tuple[str, ...] = ()) -> None:
        self.cause, self.kinds = cause, kinds
        super().__init__(problem)


class BudgetExceededError(PointsmanError):
    """Raised when a handler has exceeded a budget above it; `shortage` says whose, of what, limit and spent.

    What was spent is counted all the same. A handler may catch it, to clean up and answer with what it has.
    """

    def __init__(self, shortage: Shortage) -> None:
        self.shortage = shortage
        super().__init__(shortage.tell())


class CardError(PointsmanError):
    """Raised when an agent's card or handler is not usable; names the agent."""

    def __init__(self, agent: str, problem: str) -> None:
        self.agent = agent
        super().__init__(f"agent {agent!r}: {problem}")


class DuplicateAgentError(PointsmanError):
    """Raised when an agent name is registered twice, or while its former owner still finishes what it has."""

    def __init__(self, agent: str, *, leaving: bool = False) -> None:
        self.agent = agent
        registered = "is already registered; unregister it first or choose another name"
        super().__init__(
            f"agent {agent!r} {'is still finishing its tasks; await `unregister` first' if leaving else registered}"
        )


class UnknownAgentError(PointsmanError):
    """Raised when an agent name is not registered."""

    def __init__(self, agent: str, hint: str = "") -> None:
        self.agent = agent
        super().__init__(f"no agent {agent!r} is registered" + (f"; {hint}" if hint else ""))


class PluginError(PointsmanError):
    """Raised under `--strict-plugins` when a plugin cannot be used; names its distribution."""

    def __init__(self, entry_point: str, distribution: str, problem: str) -> None:
        self.entry_point, self.distribution, self.problem = entry_point, distribution, problem
        super().__init__(
            f"plugin {entry_point!r} of distribution {distribution!r}: {problem}; fix or uninstall {distribution}"
        )


# --- the journal ------------------------------------------------------------------------------------------------------


class JournalError(PointsmanError):
    """Raised when the journal cannot be opened, read or written; the run stops rather than acknowledge in vain."""


class NotJsonError(JournalError):
    """Raised when what should be recorded is no JSON: it is refused, and the journal goes on."""


class JournalTamperedError(JournalError):
    """Raised when a row does not follow from the one before it; carries the sequence number."""

    def __init__(self, path: str | Path, sequence: int, problem: str) -> None:
        self.path, self.sequence = str(path), sequence
        super().__init__(f"{path}: row {sequence}: {problem}; rows before it are sound, do not trust what follows")


class RunOwnedError(JournalError):
    """Raised when a run is taken that another process owns, or may own; carries path, run and owner."""

    def __init__(self, path: str | Path, run: str, owner: str) -> None:
        self.path, self.run, self.owner = str(path), run, owner
        super().__init__(
            f"{path}: run {run!r} belongs to {owner}; stop that one, or wait until it has ended, and try again"
        )


class StaleOwnerError(JournalError):
    """Raised when somebody else has taken over the run meanwhile; nothing more of this process is recorded.

    Attributes:
        path: the journal.
        run: the run.
        epoch: of this process.
        owner: who has the run now.
    """

    def __init__(self, path: str | Path, run: str, epoch: int, owner: str) -> None:
        self.path, self.run, self.epoch, self.owner = str(path), run, epoch, owner
        super().__init__(
            f"{path}: run {run!r} was taken over from epoch {epoch} by {owner}; stop this process, the other goes on"
        )


# --- the run ----------------------------------------------------------------------------------------------------------


class StoppedError(PointsmanError):
    """Raised to whoever awaits a result when the orchestrator stopped before the task ended."""

    def __init__(self, task: str) -> None:
        self.task = task
        super().__init__(f"the orchestrator stopped before task {task!r} ended; its journal says how far it came")


class ResumeError(PointsmanError):
    """Raised when a run cannot go on as things are now; `reasons` says why, one line each."""

    def __init__(self, run: str, reasons: tuple[str, ...]) -> None:
        self.run, self.reasons = run, reasons
        super().__init__(f"run {run!r} cannot be resumed: {'; '.join(reasons)}")


# --- people -----------------------------------------------------------------------------------------------------------


class AnswerError(PointsmanError):
    """Raised when an answer is none to what a task asks, or comes second; names the task."""

    def __init__(self, task: str, problem: str) -> None:
        self.task = task
        super().__init__(f"task {task!r}: {problem}")


# --- effects ----------------------------------------------------------------------------------------------------------


class EffectInDoubtError(AgentError):
    """Raised when nobody knows whether an effect took place, and its policy is not to try again."""

    def __init__(self, effect: str, key: str) -> None:
        self.effect, self.key = effect, key
        super().__init__(
            f"effect {effect!r} was begun and its outcome is not on record; look whether it took place (key {key!r})"
        )


class EffectNotDoneError(PointsmanError):
    """Raise this in the function of an effect where it surely did not take place: it is in no doubt then."""


# --- the model store --------------------------------------------------------------------------------------------------


class ModelStoreError(PointsmanError):
    """Raised when the model store does not hold what is asked for, or the step asked for is none; names the model."""

    def __init__(self, model: str, problem: str) -> None:
        self.model = model
        super().__init__(f"model {model!r}: {problem}")


@contextmanager
def unwrapped() -> Iterator[None]:
    """Raise what several parts of a run failed of in the same way as one error, not as a group."""
    try:
        yield
    except BaseExceptionGroup as group:  # right: always raised again, cancellations too
        first = group.exceptions[0]
        same = all(type(error) is type(first) and str(error) == str(first) for error in group.exceptions)
        raise (first if same else group) from None
