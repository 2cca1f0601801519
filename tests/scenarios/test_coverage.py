"""Coverage: what runs exercised, and by name what they did not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.messages import Envelope
from scenarios.coverage import DIMENSIONS, ENDS, FAULTS, OUTCOMES, Coverage, Dimension, percent, total_percent
from scenarios.runner import ScenarioResult

Play = Callable[[str], ScenarioResult]

SCENARIO = """\
scenario: made for a test
given:
  scripted:
    - agent: clerk
      summary: Stamps forms.
      examples: [Stamp the form]
      behaviour: {returns: {stamped: true}}
    - agent: courier
      summary: Carries letters.
      examples: [Carry the letter]
      behaviour: {fails: "lost it", times: 1}
      policy: {retry: {max_attempts: 2, backoff_s: 1}}
    - agent: judge
      summary: Asks.
      examples: [Is it just]
      behaviour: {asks: {question: "Well?", options: ["yes", "no"]}}
  people:
    - {task: asked, answers: "yes"}
faults:
  - {kind: error, agent: clerk, task: broken, final: true}
when:
  - submit: {id: stamped, request: Stamp the form}
  - submit: {id: carried, request: Carry the letter, after: stamped}
  - submit: {id: strange, request: zzz qqq}
  - submit: {id: never, request: Stamp the form, after: strange}
  - submit: {id: broken, request: Stamp the form, agent: clerk}
  - submit: {id: left, request: Carry the letter, after: broken, on_failure: skip}
  - submit: {id: asked, request: Is it just}
then:
  - {type: completed, task: carried}
"""


@pytest.fixture
def covered(play: Play) -> dict[str, Dimension]:
    """Return what the scenario exercised, of these agents and one that it does not have."""
    found = Coverage(["clerk", "courier", "judge", "idle"])
    result = play(SCENARIO)
    assert result.verdict == "passed", (result.error, result.outcomes, result.in_vain)
    found.hear(result.scenario.title, result.rows)
    return {one.name: one for one in found.dimensions()}


def test_agents_that_began_a_task_are_exercised(covered: dict[str, Dimension]) -> None:
    """The others are named."""
    assert covered["agents"].exercised == {"clerk": 2, "courier": 2, "judge": 2}
    assert covered["agents"].missing == ("idle",)
    assert covered["agents"].percent == 75


def test_a_route_is_one_that_the_router_took(covered: dict[str, Dimension]) -> None:
    """What somebody else decided is told beside it."""
    assert set(covered["routes"].exercised) == {"router → clerk", "router → courier", "router → judge"}
    assert covered["routes"].missing == ("router → idle",)
    assert covered["routes"].beside == {"submitter → clerk": 1}


def test_an_edge_is_exercised_when_both_its_tasks_began(covered: dict[str, Dimension]) -> None:
    """One of which a task was never reached says which, and where."""
    assert covered["edges"].exercised == {"clerk → courier": 1}
    assert covered["edges"].missing == (
        "whoever gets strange (made for a test) → whoever gets never (made for a test)",
        "clerk → whoever gets left (made for a test)",
    )


def test_outcomes_and_endings_are_those_that_the_engine_knows(covered: dict[str, Dimension]) -> None:
    """Each that did not happen is named."""
    assert set(covered["outcomes"].exercised) == {"won", "below threshold", "pinned"}
    assert covered["outcomes"].total == len(OUTCOMES)
    happened = {"completed", "failed", "skipped", "abstained", "retried", "asked people"}
    assert set(covered["endings"].exercised) == happened
    assert set(covered["endings"].missing) == set(ENDS) - happened


def test_faults_are_counted_by_agent(covered: dict[str, Dimension]) -> None:
    """Every kind at every installed agent."""
    assert covered["faults"].exercised == {"error at clerk": 1}
    assert len(covered["faults"].missing) == 4 * len(FAULTS) - 1
    assert {"error", "delay", "slow", "drop", "duplicate", "reorder", "crash"} <= set(FAULTS)


def test_what_only_the_scenario_has_is_beside(play: Play) -> None:
    """Scripted agents that are not installed: nothing that the suite has to exercise."""
    found = Coverage([])
    found.hear("t", play(SCENARIO).rows)
    agents = found.dimensions()[0]
    assert (agents.total, agents.percent) == (0, 100)
    assert agents.beside == {"clerk": 2, "courier": 2, "judge": 2}


def test_runs_add_up(play: Play) -> None:
    """What one of them does not reach another one may."""
    found = Coverage(["clerk", "courier", "judge"])
    rows = play(SCENARIO).rows
    for title in ("one", "two"):
        found.hear(title, rows)
    assert found.runs == 2
    assert found.dimensions()[0].exercised["clerk"] == 4


@pytest.mark.parametrize(
    ("decision", "outcomes", "routes"),
    [
        (
            {"policy": "learned", "chosen": "a", "abstained": None, "vetoes": {"b": "open"}},
            ["won", "somebody vetoed"],
            1,
        ),
        ({"policy": "learned", "chosen": None, "abstained": "all-vetoed", "vetoes": {"b": "open"}}, ["all vetoed"], 0),
        ({"policy": "learned", "chosen": None, "abstained": "near-tie", "vetoes": {}}, ["near tie"], 0),
        ({"policy": "fallback", "chosen": "a", "abstained": "near-tie", "vetoes": {}}, ["fallback", "near tie"], 1),
        ({"policy": "answered", "chosen": "a", "vetoes": {}}, ["answered by a person"], 1),
        ({"policy": "explored", "chosen": "a", "abstained": None, "vetoes": {}}, ["won"], 0),
    ],
)
def test_a_decision_counts_by_how_it_came_out(decision: dict[str, object], outcomes: list[str], routes: int) -> None:
    """Who won it, why nobody did, who was vetoed, who decided instead of the router."""
    found = Coverage(["a"])
    found.hear("t", [Envelope("1", "task.routed", "t", "", 0.0, {"decision": decision})])
    dimensions = {one.name: one for one in found.dimensions()}
    assert sorted(dimensions["outcomes"].exercised) == sorted(outcomes)
    seen = {**dimensions["routes"].exercised, **dimensions["routes"].beside}
    assert sum(seen.values()) == bool(decision["chosen"])
    assert routes <= sum(seen.values())


def test_a_timeout_is_known_by_its_cause() -> None:
    """Of an attempt that is repeated, or of the last one."""
    found = Coverage([])
    found.hear("t", [Envelope("1", "task.retried", "t", "", 0.0, {"agent": "a", "cause": "timeout"})])
    endings = next(one for one in found.dimensions() if one.name == "endings")
    assert set(endings.exercised) == {"retried", "timed out"}


def test_percent_is_of_all_there_is() -> None:
    """Everything, of nothing."""
    assert percent(1, 4) == 25
    assert percent(0, 0) == 100
    one = Dimension("agents", {"a": 1}, ("b", "c"), {})
    other = Dimension("endings", {"x": 1}, (), {})
    assert total_percent([one, other]) == 50
    assert [dimension.name for dimension in Coverage([]).dimensions()] == list(DIMENSIONS)
