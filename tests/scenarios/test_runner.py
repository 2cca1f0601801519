"""Runner: scripted agents, virtual time, the same journal every time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from orchestrator.agent import agent
from router import Abstained, AgentProfile, KeywordRouter
from scenarios import bounded_journal
from scenarios.runner import ScenarioResult, run_scenario
from scenarios.scenario import Scenario
from scenarios.then import AbstentionReason
from scenarios.threshold import OtherThreshold

Play = Callable[[str], ScenarioResult]
Load = Callable[[str], list[Scenario]]

CLERK = """\
scenario: made for a test
given:
  scripted:
    - agent: clerk
      summary: Stamps forms.
      examples: [Stamp the form]
      policy: {retry: {max_attempts: 3, backoff_s: 1, factor: 1, jitter: 0}}
      behaviour: BEHAVIOUR
when:
  - submit: {id: a, request: Stamp the form}
then:
"""


def clerk(behaviour: str, *expectations: str) -> str:
    """Return a scenario with one agent, one task and these expectations."""
    return CLERK.replace("BEHAVIOUR", behaviour) + "".join(f"  - {{{line}}}\n" for line in expectations)


BEHAVIOURS = {
    "returns": ("{returns: [1, {a: null}]}", ["type: result, task: a, equals: [1, {a: null}]"]),
    "takes_s": ("{takes_s: 30}", ["type: latency, task: a, at_least_s: 30, at_most_s: 30", "type: completed, task: a"]),
    "fails": ("{fails: no luck}", ["type: dead-lettered, task: a, error_contains: no luck, attempts: 3"]),
    "fails times": (
        "{fails: no luck, times: 2, takes_s: 1}",
        ["type: completed, task: a, attempts: 3", "type: latency, at_least_s: 5, at_most_s: 5"],
    ),
    "raises": ("{raises: never}", ["type: failed, task: a, error_contains: never, attempts: 1"]),
    "adds_tasks": (
        "{fails: first, times: 1, adds_tasks: [{id: b, request: Stamp, agent: clerk, after: [a/2]}, {request: Stamp}]}",
        ["type: failed, task: a"],
    ),
    "no agent": ("{}", ["type: not-abstained, task: a", "type: result, task: a, equals: null"]),
}


@pytest.mark.parametrize("name", [name for name in BEHAVIOURS if name != "adds_tasks"])
def test_scripted_agent_behaves_as_written(name: str, play: Play) -> None:
    """Each behaviour does what its name says, in virtual time."""
    behaviour, expectations = BEHAVIOURS[name]
    result = play(clerk(behaviour, *expectations))
    assert [outcome.message for outcome in result.outcomes if not outcome.met] == []
    assert result.verdict == "passed"


def test_added_tasks_begin_when_the_attempt_completes(play: Play) -> None:
    """What a scripted agent adds runs after it, once, with its own ids or those made from the parent's."""
    text = """\
scenario: a planner
given:
  scripted:
    - agent: planner
      summary: Plans.
      examples: [Plan it]
      policy: {retry: {backoff_s: 1, jitter: 0}}
      behaviour:
        fails: first
        times: 1
        adds_tasks: [{id: b, request: Stamp the form}, {request: Stamp forms, after: b, on_failure: skip}]
    - {agent: clerk, summary: Stamps forms., examples: [Stamp the form]}
when:
  - submit: {id: a, request: Plan it}
then:
  - {type: order, mode: exact, tasks: [a, b, a/2]}
  - {type: routed, task: a/2, to: clerk}
  - {type: count, topic: task.submitted, equals: 3}
"""
    result = play(text)
    assert [outcome.message for outcome in result.outcomes if not outcome.met] == []


def test_tasks_of_a_scenario_may_state_how_they_are_run(play: Play, tmp_path: Path) -> None:
    """Those that are submitted, those of a plan with the plan's own, and those that scripted agents add."""
    plan = "plan: p\npolicy: {retry: {max_attempts: 2}}\ntasks:\n  p: {request: Stamp the form, agent: clerk}\n"
    (tmp_path / "some.plan.yaml").write_text(plan, encoding="utf-8")
    text = """\
scenario: policies
given:
  scripted:
    - agent: planner
      summary: Plans.
      examples: [Plan it]
      behaviour: {adds_tasks: [{id: child, request: Stamp, agent: clerk, policy: {timeout_s: 0.5}}]}
    - {agent: clerk, summary: Stamps forms., examples: [Stamp the form], behaviour: {takes_s: 1, fails: no luck}}
when:
  - submit: {id: once, request: Stamp the form, policy: {retry: {never: PointsmanError}}}
  - plan: some.plan.yaml
  - tasks: {parent: {request: Plan it, agent: planner}}
then:
  - {type: dead-lettered, task: once, attempts: 1, error_contains: "not retried: PointsmanError is in `never`"}
  - {type: dead-lettered, task: p, attempts: 2}
  - {type: dead-lettered, task: child, attempts: 3, error_contains: no answer within 0.5 s}
"""
    assert [outcome.message for outcome in play(text).outcomes if not outcome.met] == []


def test_missed_expectation_fails_the_scenario(play: Play) -> None:
    """One expectation that is not met makes the verdict; the others are judged all the same."""
    result = play(clerk("{}", "type: failed, task: a", "type: completed, task: a"))
    assert result.verdict == "failed"
    assert [outcome.met for outcome in result.outcomes] == [False, True]
    assert result.error == ""


def test_same_scenario_and_seed_give_equal_bytes(play: Play) -> None:
    """Two runs write the same journal, another seed another one."""
    text = clerk("{fails: no luck, times: 2}", "type: completed, task: a").replace("jitter: 0", "jitter: 1")
    first, second, other = play(text), play(text), play(text.replace("given:", "seed: 1\ngiven:", 1))
    assert first.journal == second.journal
    assert first.duration_s != other.duration_s
    assert first.journal.count(b"\n") == len(first.rows)


def test_waiting_moves_virtual_time(play: Play) -> None:
    """A step that waits lets virtual time pass before the next."""
    text = clerk("{}", "type: latency, at_least_s: 86400, at_most_s: 86400")
    result = play(text.replace("then:", "  - wait_s: 86400\n  - submit: {id: b, request: Stamp the form}\nthen:"))
    assert result.verdict == "passed"


def test_threshold_of_the_scenario_decides_who_is_sure_enough(play: Play) -> None:
    """A higher threshold makes the router abstain where it would not, a lower one the other way round."""
    text = clerk("{}", "type: routed, task: a, to: clerk").replace("request: Stamp the form", "request: Stamp one two")
    strict = text.replace("  scripted:", "  threshold: 1\n  scripted:")
    lenient = text.replace("  scripted:", "  threshold: 0\n  scripted:").replace("Stamp one two", "something else")
    assert play(text).verdict == "passed"
    assert play(strict).verdict == "failed"
    assert "threshold 1.0" in play(strict).outcomes[0].happened
    assert play(lenient).verdict == "passed"


def test_a_near_tie_of_two_agents_is_expected_by_its_reason(play: Play) -> None:
    """Two agents of one trade: the scenario can ask that the router sees two, not none."""
    text = clerk("{}", "type: abstained, task: a, reason: near-tie")
    twin = "    - agent: scribe\n      summary: Stamps the form.\n      examples: [Stamp the form]\nwhen:"
    both = text.replace("when:", twin)
    assert play(both).verdict == "passed"
    assert play(both.replace("near-tie", "below-threshold")).verdict == "failed"
    assert play(both.replace("abstained,", "not-abstained,")).verdict == "failed"


def test_the_reasons_that_a_scenario_may_expect_are_those_of_the_router() -> None:
    """No reason is missing from the format, and none is left over."""
    assert set(get_args(AbstentionReason)) == {reason.value for reason in Abstained}


def test_other_threshold_leaves_everything_else_to_the_router() -> None:
    """Agents come and go, and explanations are given, through the wrapper as without it."""
    router = OtherThreshold(KeywordRouter(), 0.1)
    router.add(AgentProfile("clerk", "1", "Stamps forms.", ("Stamp the form",)))
    assert router.predict("stamp").choice == "clerk"
    assert router.predict("stamp").budget is None
    assert router.explain("stamp", "clerk")[0].word == "stamp"
    router.remove("clerk")
    assert router.predict("stamp").choice is Abstained.NO_CANDIDATES
    assert router.fingerprint == KeywordRouter().fingerprint


@agent("stamper", summary="Stamps the form.", examples=["Stamp the form"])
async def stamper(request: str) -> dict[str, str]:
    """Stamp."""
    return {"stamped": request}


def test_installed_agents_take_part_by_name_and_under_another_policy(load: Load) -> None:
    """An installed agent is there if it is named (or all are), with the policy that the scenario gives it."""
    text = """\
scenario: installed
given:
  agents: AGENTS
  policy: {stamper: {concurrency: 1, timeout_s: 9}}
when:
  - submit: {id: a, request: Stamp the form}
then:
  - {type: result, task: a, pointer: /stamped, equals: Stamp the form}
"""
    for agents in ("all", "stamper", "[stamper]"):
        (scenario,) = load(text.replace("AGENTS", agents))
        assert run_scenario(scenario, agents=[stamper], router=KeywordRouter).verdict == "passed"


ERRORS = {
    "not installed": ("agents: [stampr]", "no agent 'stampr' is registered; did you mean 'stamper'? known: stamper"),
    "policy for nobody": ("agents: all\n  policy: {stampr: {}}", "no agent 'stampr' is registered; did you mean"),
    "fallback to nobody": ("agents: all\n  fallback: nobody", "no agent 'nobody' is registered; known: stamper"),
    "history that is none": ("agents: all\n  git: {history: h, into: repo}", "git fast-import: fatal: Unsupported"),
    "repository outside": ("agents: all\n  git: {history: h, into: ../x}", "folder '../x' leads out of the workspace"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_scenario_that_cannot_be_played_is_an_error_not_a_failure(name: str, load: Load, tmp_path: Path) -> None:
    """What keeps a scenario from being played is told apart from what it found."""
    (tmp_path / "h").write_text("no stream\n")
    given, error = ERRORS[name]
    text = "scenario: x\ngiven:\n  GIVEN\nwhen: [{submit: {id: a, request: r}}]\nthen: [{type: completed, task: a}]\n"
    (scenario,) = load(text.replace("GIVEN", given))
    result = run_scenario(scenario, agents=[stamper], router=KeywordRouter)
    assert result.verdict == "error"
    assert error in result.error
    assert result.outcomes == ()


def test_run_without_end_is_stopped(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario whose agents add tasks for ever ends with an error, not never."""
    monkeypatch.setattr(bounded_journal, "MAX_ROWS", 100)
    text = clerk("{adds_tasks: [{request: Stamp the form}]}", "type: completed, task: a")
    (scenario,) = load(text)
    result = run_scenario(scenario, agents=[], router=KeywordRouter)
    assert result.verdict == "error"
    assert "more than 100 rows" in result.error


def test_a_run_in_which_nothing_happens_is_stopped(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario whose tasks nobody takes ends with an error that names them, not never."""
    monkeypatch.setattr("orchestrator.runner.AgentRunner.start", lambda *_: None)
    (scenario,) = load(clerk("{returns: 1}", "type: completed, task: a"))
    result = run_scenario(scenario, agents=[], router=KeywordRouter)
    assert result.verdict == "error"
    assert "the run is stuck: nothing happened for 30 s, 1 task is open; a is ready; agent clerk: 1" in result.error


def test_workspace_is_a_copy_with_its_history(load: Load, tmp_path: Path) -> None:
    """Agents work on a copy: the original stays as it is; a history becomes a repository in it."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("original")
    (tmp_path / "h").write_text(
        "commit refs/heads/main\nmark :1\ncommitter A <a@example.org> 1700000000 +0000\ndata 5\nfirst\n"
        "M 100644 inline b.txt\ndata 3\nbee\n\n"
    )

    @agent("writer", summary="Writes files.", examples=["Write the file"])
    async def writer(request: str, context: object) -> list[str]:
        root = context.workspace  # type: ignore[attr-defined]
        (root / "a.txt").write_text("changed")
        return sorted(str(path.relative_to(root)) for path in root.rglob("*.txt"))

    (scenario,) = load(
        "scenario: x\ngiven: {agents: all, workspace: files, git: {history: h, into: repo}}\n"
        "when: [{submit: {id: a, request: Write the file}}]\n"
        "then: [{type: result, task: a, equals: [a.txt, repo/b.txt]}]\n"
    )
    result = run_scenario(scenario, agents=[writer], router=KeywordRouter)
    assert [outcome.message for outcome in result.outcomes if not outcome.met] == []
    assert (tmp_path / "files" / "a.txt").read_text() == "original"


def test_workspace_that_vanished_is_an_error(load: Load, tmp_path: Path) -> None:
    """A folder that is gone between loading and playing is named."""
    (scenario,) = load(clerk("{}", "type: completed, task: a"))
    result = run_scenario(replace(scenario, workspace=tmp_path / "gone"), agents=[], router=KeywordRouter)
    assert result.verdict == "error"
    assert "gone: cannot be copied" in result.error


def test_missing_git_is_an_error(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git a scenario with a history says what to install."""
    (tmp_path / "h").write_text("")
    text = clerk("{}", "type: completed, task: a").replace("  scripted:", "  git: {history: h, into: r}\n  scripted:")
    (scenario,) = load(text)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run_scenario(scenario, agents=[], router=KeywordRouter)
    assert "git: not found; install it" in result.error
