"""Steps: they come in order, and wait for what agents do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scenarios.runner import ScenarioResult

Play = Callable[[str], ScenarioResult]

TEXT = """\
scenario: made for a test
given:
  scripted:
    - agent: clerk
      summary: Stamps forms.
      examples: [Stamp the form]
      policy: {retry: {max_attempts: 4, backoff_s: 1, factor: 1, jitter: 0}}
      behaviour: {takes_s: 2, fails: no ink, times: 2, returns: {pages: 3}}
when:
  - submit: {id: a, request: Stamp the form, agent: clerk}
STEPS
then:
"""


def text(step: str, *expectations: str) -> str:
    """Return a scenario with a task that ends after 8 s, at its third attempt, and further steps."""
    steps = "".join(f"  - {line}\n" for line in step.splitlines()).rstrip()
    return TEXT.replace("STEPS", steps) + "".join(f"  - {{{line}}}\n" for line in expectations)


AT = "type: published, topic: task.submitted, task: b"


@pytest.mark.parametrize(
    ("after", "at"),
    [
        ("{topic: task.completed, task: a}", 8),
        ("{topic: task.completed, task: a, wait_s: 30}", 38),
        ("{topic: task.retried}", 2),
        ("{topic: task.retried, times: 2, wait_s: 0.5}", 5.5),
        ("{topic: task.completed, where: {/output/pages: 3}}", 8),
        ("{topic: task.started, where: {/attempt: {at_least: 2}}}", 3),
        ("{topic: task.submitted}", 0),
    ],
)
def test_a_step_begins_after_what_it_waits_for(after: str, at: float, play: Play) -> None:
    """After a row of this topic and task, whose body is so, or after so many; later by `wait_s`."""
    result = play(text(f"{{after: {after}, submit: {{id: b, request: Stamp, agent: clerk}}}}", AT))
    assert result.error == ""
    begun = next(row.at for row in result.rows if row.topic == "task.submitted" and row.correlation_id == "b")
    assert round(begun - result.rows[0].at, 6) == at


def test_a_step_may_only_wait(play: Play) -> None:
    """Those after it come later; what happened long before is waited for no more."""
    steps = [
        "after: {topic: task.completed, task: a}",
        "after: {topic: task.retried}",
        "{after: {topic: task.started}, wait_s: 1}",
        "submit: {id: b, request: Stamp, agent: clerk}",
    ]
    result = play(text("\n".join(steps), AT))
    begun = next(row.at for row in result.rows if row.topic == "task.submitted" and row.correlation_id == "b")
    assert round(begun - result.rows[0].at, 6) == 9


def test_what_never_happens_ends_the_scenario_in_error(play: Play) -> None:
    """It says what was waited for and for how long; nothing hangs, though nothing is left that could happen."""
    step = "after: {topic: task.failed, task: a, within_s: 100}\n"
    result = play(text(step, "type: completed, task: a"))
    assert result.verdict == "error"
    assert result.error == (
        "a step waits for task.failed of task 'a', and there was no such row within 100 s; "
        "correct `after`, or give it more with `within_s`"
    )
