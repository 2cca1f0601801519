import math

import pytest

from orchestrator.errors import PointsmanError
from orchestrator.messages import MAX_REQUEST, Result, Task, as_ids


@pytest.mark.parametrize("name", ["", " a", "-a", "a b", "a" * 129, "ä", "a\n"])
def test_a_task_id_that_no_file_or_topic_could_hold_is_refused(name: str) -> None:
    """A task id is 1 to 128 letters, digits and . _ / -, and the error says so."""
    with pytest.raises(PointsmanError, match="use letters, digits"):
        Task(name, "x")


def test_an_endless_request_is_refused() -> None:
    """A request has a bound, because the router reads all of it."""
    Task("a", "x" * MAX_REQUEST)
    with pytest.raises(PointsmanError, match="shorten it"):
        Task("a", "x" * (MAX_REQUEST + 1))


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_an_estimate_that_cannot_be_ordered_is_refused(seconds: float) -> None:
    """Estimates are finite and not negative: they order the tasks, and NaN orders nothing."""
    with pytest.raises(PointsmanError, match="estimate_s"):
        Task("a", "x", estimate_s=seconds)


def test_a_text_is_not_taken_for_a_sequence_of_letters() -> None:
    """`after="load"` means one task, never four; a Task itself wants a tuple and says so."""
    assert as_ids("load") == ("load",)
    assert as_ids(["a", "b"]) == ("a", "b")
    with pytest.raises(PointsmanError, match="tuple of ids"):
        Task("a", "x", after="load")  # type: ignore[arg-type]


def test_a_task_survives_its_json_form() -> None:
    """What is in `task.submitted` gives the very task back, with and without defaults."""
    full = Task("a", "do", {"n": 1}, ("b",), "some-agent", "skip", 2.5, "p")
    for task in (Task("a", "do"), full):
        assert Task.from_json(task.to_json()) == task
    assert Task("a", "do").to_json() == {"id": "a", "request": "do"}


@pytest.mark.parametrize("status", ["failed", "dead_lettered", "skipped", "abstained"])
def test_only_completed_is_ok(status: str) -> None:
    """A result is ok when the task completed and at no other time."""
    assert Result("a", "completed").ok
    assert not Result("a", status).ok  # type: ignore[arg-type]
