import inspect

import pytest

from orchestrator import errors, http_errors, outside_errors
from orchestrator.errors import PointsmanError

TREE = [
    kind
    for page in (errors, http_errors, outside_errors)
    for _, kind in inspect.getmembers(page, inspect.isclass)
    if kind.__module__ == page.__name__
]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_hangs_from_one_root_and_says_when_it_is_raised(kind: type[Exception]) -> None:
    """One `except PointsmanError` catches all; each docstring begins with when it is raised."""
    assert issubclass(kind, PointsmanError)
    assert (kind.__doc__ or "").startswith(("Raised when", "Raised under", "Raised to", "Raise this", "Root of"))


@pytest.mark.parametrize(
    ("error", "culprit", "remedy"),
    [
        (errors.TopicError("a..b", "token '' is not allowed"), "a..b", "use dot-separated"),
        (errors.RequestTimeoutError("agent.a", 2.0), "agent.a", "raise the deadline"),
        (errors.CycleError(("a", "b")), "a -> b -> a", "remove one"),
        (errors.UnknownTaskError("a", "lod", "did you mean 'load'?"), "'lod'", "did you mean"),
        (errors.DuplicateTaskError("a"), "'a'", "another id"),
        (errors.CapacityError(10), "10", "raise `capacity`"),
        (errors.CapacityError(10, 11), "11 tasks at once", "raise `capacity`"),
        (errors.CapacityError(10, 11, holder="a plan"), "a plan holds 10 tasks at most", "raise `capacity`"),
        (errors.CardError("a", "it has no card"), "'a'", "it has no card"),
        (errors.DuplicateAgentError("a"), "'a'", "unregister it first"),
        (errors.DuplicateAgentError("a", leaving=True), "'a'", "await `unregister`"),
        (errors.UnknownAgentError("a", "did you mean 'b'?"), "'a'", "did you mean"),
        (errors.PluginError("p", "their-agents", "no card"), "'their-agents'", "uninstall their-agents"),
        (errors.JournalTamperedError("j.db", 7, "is missing"), "row 7", "do not trust"),
        (errors.RunOwnedError("j.db", "r", "process 7 on h"), "process 7 on h", "stop that one"),
        (errors.StaleOwnerError("j.db", "r", 1, "process 7 on h"), "from epoch 1", "stop this process"),
        (errors.StoppedError("a"), "'a'", "its journal says"),
        (errors.DocumentError("p.yaml", 3, 5, "no such key", "remove it"), "p.yaml:3:5", "remove it"),
        (errors.DocumentError("p.yaml", 0, 0, "is empty"), "p.yaml: is empty", ""),
    ],
)
def test_a_message_says_what_which_and_what_to_do(error: PointsmanError, culprit: str, remedy: str) -> None:
    """People read one line: it names the culprit and the way out, without line breaks."""
    text = str(error)
    assert culprit in text
    assert remedy in text
    assert "\n" not in text


def test_a_long_cycle_is_named_in_a_short_message() -> None:
    """A cycle of 100,000 tasks is in the error as a whole, and in its message by both ends and its length."""
    cycle = tuple(f"t{number}" for number in range(100_000))
    error = errors.CycleError(cycle)
    assert error.cycle == cycle
    assert str(error).startswith("tasks wait for each other: t0 -> t1 -> ")
    assert "... 100000 tasks ... -> t99999 -> t0; remove" in str(error)
    assert len(str(error)) < 250
