"""Causes: why an attempt failed, as a value, and in one line."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Why an attempt failed. The value stands in the journal; `Retry` may name it."""

    RAISED = "raised"  #: the handler raised an exception
    GAVE_UP = "gave-up"  #: the handler raised `AgentError`: trying again cannot help
    REFUSED = "refused"  #: what the handler gave back is no JSON, or its tasks do not fit the graph
    TIMEOUT = "timeout"  #: no answer within `timeout_s`
    CANCELLED = "cancelled"  #: the handler was cancelled from inside
    CRASH = "crash"  #: its process ended, by an exit code or a signal
    OUT_OF_MEMORY = "out-of-memory"  #: it wanted more than `memory_mb`
    CPU = "cpu"  #: it used more than `cpu_s`
    DIED = "agent-died"  #: processes of the agent died too often: it was given up, with all that it had
    TOO_LARGE = "too-large"  #: its answer is larger than `max_output_mb`
    BUDGET = "budget"  #: a budget is used up: of the run, of the agent, or of a task above


def kinds_of(error: BaseException) -> tuple[str, ...]:
    """Return the names of an error's class and of those that it is made of, `Exception` and above left out."""
    return tuple(kind.__name__ for kind in type(error).__mro__ if kind not in (Exception, BaseException, object))


def no_answer(seconds: float) -> str:
    """Say that there was no answer in time."""
    return f"no answer within {seconds:g} s"
