"""Faults: what goes wrong at a named call of an agent, to be survived, and seen in the report and the journal."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

import orjson
import pytest

from orchestrator.agent import agent
from orchestrator.cli import main
from orchestrator.context import TaskContext
from orchestrator.messages import Task
from router import KeywordRouter
from scenarios.report import to_junit, to_text
from scenarios.runner import ScenarioResult, run_scenario
from scenarios.scenario import Scenario

Play = Callable[[str], ScenarioResult]
Load = Callable[[str], list[Scenario]]

CLERK = """\
scenario: made for a test
given:
  scripted:
    - agent: clerk
      summary: Stamps forms.
      examples: [Stamp the form]
      policy: {timeout_s: 10, concurrency: 2, retry: {max_attempts: 3, backoff_s: 1, factor: 1, jitter: 0}}
      behaviour: {takes_s: 2, returns: stamped}
when:
  - submit: {id: a, request: Stamp the form, agent: clerk}
  - submit: {id: b, request: Stamp the form, agent: clerk}
faults:
  - {agent: clerk, task: a, attempt: 1, FAULT}
then:
"""


def clerk(fault: str, *expectations: str) -> str:
    """Return a scenario of two tasks at one agent, whose first attempt at `a` a fault strikes."""
    return CLERK.replace("FAULT", fault) + "".join(f"  - {{{line}}}\n" for line in expectations)


FAULTS = {
    "error": ("kind: error, error: connection reset", ["type: completed, task: a, attempts: 2", "3"]),
    "final error": ("kind: error, final: true", ["type: failed, task: a, error_contains: the call failed", "0"]),
    "delay": ("kind: delay, wait_s: 5", ["type: completed, task: a, attempts: 1", "7"]),
    "delay too long": ("kind: delay, wait_s: 9", ["type: completed, task: a, attempts: 2", "13"]),
    "slow": ("kind: slow, factor: 2.5, wait_s: 1", ["type: completed, task: a, attempts: 1", "6"]),
    "drop": ("kind: drop", ["type: completed, task: a, attempts: 2", "13"]),
    "duplicate": ("kind: duplicate", ["type: completed, task: a, attempts: 1", "4"]),
    "reorder": ("kind: reorder", ["type: order, mode: exact, of: ends, tasks: [b, a]", "4"]),
    "crash": ("kind: crash", ["type: completed, task: a, attempts: 2", "5"]),
    "crash in mid-work": ("kind: crash, after_s: 0.5", ["type: completed, task: a, attempts: 2", "3.5"]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_strikes_as_it_says(name: str, play: Play) -> None:
    """Each kind does what its name says, to the call that it names and to no other; the other task is not touched."""
    fault, (expectation, seconds) = FAULTS[name]
    took = f"type: latency, task: a, at_least_s: {seconds}, at_most_s: {seconds}"
    result = play(clerk(fault, expectation, took, "type: latency, task: b, at_most_s: 2", "type: completed, task: b"))
    assert [outcome.message for outcome in result.outcomes if not outcome.met] == []
    assert (result.verdict, result.in_vain) == ("passed", ())
    assert [(strike.kind, strike.task, strike.attempt, strike.call) for strike in result.strikes] == [
        (fault.split(",")[0].removeprefix("kind: "), "a", 1, 1)
    ]


def test_what_strikes_is_in_the_journal_and_in_every_report(play: Play) -> None:
    """A row below the beginning of the attempt, a line in the text, `system-out` in JUnit."""
    result = play(clerk("kind: drop", "type: completed, task: a"))
    (row,) = (row for row in result.rows if row.topic == "fault.injected")
    assert row.body == {"fault": 0, "kind": "drop", "agent": "clerk", "attempt": 1, "call": 1}
    started = next(row for row in result.rows if row.topic == "task.started")
    assert (row.correlation_id, row.causation_id) == ("a", started.id)
    line = "fault: drop at clerk, task a, attempt 1, call 1, 0 s"
    assert line in to_text([result])
    (out,) = ET.fromstring(to_junit([result]).encode()).iter("system-out")  # noqa: S314 - our own
    assert out.text == line


def test_faults_are_the_same_in_every_run(play: Play) -> None:
    """The journal is equal bytes, whatever strikes."""
    text = clerk("kind: reorder", "type: completed, task: a").replace(
        "then:", "  - {agent: clerk, call: 2, kind: slow, factor: 2}\n  - {agent: clerk, kind: delay, wait_s: 1}\nthen:"
    )
    assert play(text).journal == play(text).journal


def test_a_fault_that_never_strikes_fails_the_scenario(play: Play) -> None:
    """A scenario that shows how a fault is survived shows nothing if the fault never took place."""
    text = clerk("kind: drop", "type: completed, task: a").replace("attempt: 1", "attempt: 2")
    result = play(text)
    assert result.verdict == "failed"
    assert result.in_vain == ("fault drop at clerk, task a, attempt 2: it never took place; clerk was called 2 times",)
    assert "it never took place" in to_text([result])


def test_a_call_that_nothing_overtakes_is_not_reordered(play: Play) -> None:
    """The last call waits in vain, goes on, and the scenario says so."""
    result = play(
        CLERK.replace("task: a, attempt: 1, FAULT", "call: 2, kind: reorder") + "  - {type: completed, task: b}\n"
    )
    assert result.in_vain == (
        "fault reorder at clerk, call 2: it never took place; the call waited, and none overtook it",
    )
    assert result.verdict == "failed"


def test_call_is_counted_over_the_run(play: Play) -> None:
    """`call: 3` is the third call of the agent, here the second attempt at a task; without a filter each is struck."""
    text = CLERK.replace("{agent: clerk, task: a, attempt: 1, FAULT}", "{agent: clerk, call: 3, kind: error}")
    text = text.replace("faults:", "faults:\n  - {agent: clerk, task: a, attempt: 1, kind: error}")
    result = play(text + "  - {type: completed, task: a, attempts: 3}\n")
    assert [(strike.call, strike.attempt) for strike in result.strikes] == [(1, 1), (3, 2)]
    text = CLERK.replace("{agent: clerk, task: a, attempt: 1, FAULT}", "{agent: clerk, kind: error}")
    result = play(text + "  - {type: dead-lettered, task: a}\n")
    assert result.verdict == "passed"
    assert len(result.strikes) == 6


def test_several_faults_strike_one_call_from_the_outside_in(play: Play) -> None:
    """What the file states first is outermost: a delay of the call, then a crash of the agent."""
    text = CLERK.replace(
        "{agent: clerk, task: a, attempt: 1, FAULT}",
        "{agent: clerk, task: a, attempt: 1, kind: delay, wait_s: 3}\n  - {agent: clerk, call: 1, kind: crash}",
    )
    result = play(text + "  - {type: latency, task: a, at_least_s: 8, at_most_s: 8}\n")
    assert [outcome.message for outcome in result.outcomes if not outcome.met] == []
    assert [strike.kind for strike in result.strikes] == ["delay", "crash"]


@pytest.mark.parametrize(("kind", "times"), [("crash", 2), ("duplicate", 2), ("drop", 2), ("error", 1)])
def test_a_lost_answer_shows_what_an_agent_does_twice(kind: str, times: int, load: Load) -> None:
    """An effect without a key of its own happens once for each attempt that did its work; with receipts, once."""
    done: list[str] = []

    @agent("clerk", summary="Stamps forms.", examples=["Stamp the form"])
    async def careless(task: Task, context: TaskContext) -> object:
        done.append(task.id)
        context.add_task("Stamp another form", agent="other")
        return await context.effect("stamp", lambda _key: len(done))

    text = clerk(f"kind: {kind}", "type: completed, task: a").replace("scripted:", "agents: clerk\n  scripted:")
    text = text.replace("agent: clerk\n", "agent: other\n")
    scenario = load(text)[0]
    result = run_scenario(scenario, agents=[careless], router=KeywordRouter)
    assert result.error == ""
    assert done.count("a") == times
    assert [row.correlation_id for row in result.rows if row.topic == "task.submitted"].count("a/1") == 1
    receipts = [row for row in result.rows if row.topic == "effect.done" and row.correlation_id == "a"]
    assert len(receipts) == (2 if kind == "duplicate" else 1)


def test_strikes_are_plain_json(play: Play) -> None:
    """`--json` prints them as they are."""
    result = play(clerk("kind: drop", "type: completed, task: a"))
    assert orjson.loads(orjson.dumps(result.strikes))[0]["kind"] == "drop"


def test_the_command_tells_what_struck(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    """Below the scenario for people, with all its numbers for machines."""
    (scenario,) = load(clerk("kind: drop", "type: completed, task: a"))
    assert main(["test", str(scenario.path)]) == 0
    assert "  fault: drop at clerk, task a, attempt 1, call 1, 0 s" in capsys.readouterr().out.splitlines()
    assert main(["test", str(scenario.path), "--json"]) == 0
    (told,) = orjson.loads(capsys.readouterr().out)["scenarios"]
    strike = {"fault": 0, "kind": "drop", "agent": "clerk", "task": "a", "attempt": 1, "call": 1, "at_s": 0.0}
    assert (told["faults"], told["faults_in_vain"]) == ([strike], [])
