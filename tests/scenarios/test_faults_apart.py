"""Faults at agents in processes of their own: they strike around the call, and a crash ends the process."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.errors import DocumentError
from orchestrator.messages import Envelope
from orchestrator.testing import FixedRouter
from scenarios.runner import ScenarioResult, run_scenario
from scenarios.scenario import Scenario
from tests.orchestrator.isolated_agents import teller

Load = Callable[[str], list[Scenario]]

APART = """\
scenario: made for a test
given:
  agents: teller
  policy:
    teller: {isolation: process, timeout_s: 30, concurrency: CONCURRENCY, restart: {restarts: 1}, RETRY}
when:
  - tasks:
      a: {request: teller, agent: teller}
      b: {request: teller, agent: teller, after: a}
      c: {request: teller, agent: teller, after: b}
      d: {request: teller, agent: teller, after: c}
      e: {request: teller, agent: teller, after: d}
faults:
FAULTS
then:
  - {type: completed, task: a}
"""


def play(load: Load, *faults: str, concurrency: int = 1, after: bool = True) -> ScenarioResult:
    """Play five tasks, one after the other or all at once, with these faults."""
    text = APART.replace("FAULTS", "".join(f"  - {{agent: teller, {fault}}}\n" for fault in faults))
    text = text if after else re.sub(", after: [a-d]", "", text)
    text = text.replace("RETRY", "retry: {max_attempts: 2, backoff_s: 1, jitter: 0}")
    (scenario,) = load(text.replace("CONCURRENCY", str(concurrency)))
    return run_scenario(scenario, agents=[teller], router=FixedRouter)


def ends(result: ScenarioResult) -> dict[str, Envelope]:
    """Return the ends of tasks by their ids."""
    return {row.correlation_id: row for row in result.rows if row.topic in ("task.completed", "task.dead_lettered")}


def test_faults_strike_at_an_agent_in_a_process_of_its_own(load: Load) -> None:
    """As at any other: in virtual time, on record; and a crash takes its process along."""
    result = play(
        load,
        "kind: error, task: a, attempt: 1",
        "kind: delay, wait_s: 7200, task: b, attempt: 1",
        "kind: drop, task: c, attempt: 1",
        "kind: duplicate, task: d",
        "kind: slow, wait_s: 5, task: d",
        "kind: crash, task: d, attempt: 1",
    )
    assert (result.error, result.in_vain) == ("", ())
    ended = ends(result)
    attempts = {name: row.body["attempts"] for name, row in ended.items()}
    assert attempts == {"a": 2, "b": 2, "c": 2, "d": 2, "e": 1}
    retried = {row.correlation_id: row.body["error"] for row in result.rows if row.topic == "task.retried"}
    assert retried == {
        "a": "InjectedError: the call failed",
        "b": "no answer within 30 s",
        "c": "no answer within 30 s",
        "d": "the agent's process ended: a fault of the scenario",
    }
    pids: dict[str, Any] = {name: row.body["output"]["pid"] for name, row in ended.items()}
    assert pids["a"] == pids["c"] != pids["d"] == pids["e"]


def test_crashes_count_for_the_limit_of_restarts(load: Load) -> None:
    """An agent whose process ends too often is given up, by faults as well."""
    result = play(load, "kind: crash, after_s: 60, task: a, attempt: 1", "kind: crash, task: b, attempt: 1")
    (gone,) = (row.body for row in result.rows if row.topic == "registry.agent_unregistered")
    assert gone["agent"] == "teller"
    assert {name: row.topic for name, row in ends(result).items()}["b"] == "task.dead_lettered"


def test_calls_overtake_each_other(load: Load) -> None:
    """With two processes the one call waits until the other has ended."""
    result = play(load, "kind: reorder, task: a, attempt: 1, wait_s: 9", concurrency=2, after=False)
    assert (result.error, result.in_vain) == ("", ())
    assert list(ends(result))[:2] == ["b", "a"]


def test_many_times_no_time_is_refused(load: Load) -> None:
    """A fault that does nothing would be a lie."""
    error = play(load, "kind: slow, factor: 3").error
    assert "takes no virtual time" in error
    assert "`wait_s`" in error


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("policy: {isolation: process}", "a script has no process of its own; take `isolation` out"),
        ("behaviour: {returns: 1}\n  policy: {clerk: {isolation: process}}", "agent 'clerk' is scripted"),
    ],
)
def test_a_script_has_no_process_of_its_own(load: Load, given: str, problem: str) -> None:
    """It is refused when the file is loaded, with its place."""
    text = (
        "scenario: made for a test\ngiven:\n  scripted:\n    - agent: clerk\n      summary: Stamps.\n"
        f"      examples: [Stamp it]\n      {given}\nwhen:\n  - submit: {{id: a, request: Stamp it}}\n"
        "then:\n  - {type: completed, task: a}\n"
    )
    with pytest.raises(DocumentError, match=problem):
        load(text)
