import asyncio
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.agent import adopt
from orchestrator.context import TaskContext
from orchestrator.interleaving import Interleaving, parse_interleaving
from orchestrator.messages import Task
from orchestrator.testing import FixedRouter
from scenarios.loader import load_scenarios
from scenarios.report import describe, exit_code, misses, summary, to_junit
from scenarios.runner import run_scenario
from scenarios.series import Runs, Series, Try, run_series
from tests.scenarios.recorded_agents import Reader

RACE = """\
scenario: Two clerks deposit
given: {agents: [clerk-a, clerk-b]}
when:
  - tasks:
      a: {request: deposit, agent: clerk-a}
      b: {request: deposit, agent: clerk-b}
      sum: {request: count, agent: clerk-a, after: [a, b], payload: {count: true}}
runs: {schedules: 40}
then:
  - {type: result, task: sum, equals: 2}
"""


def clerks() -> list[Any]:
    """Return two agents that share an account and lose an update if one is late between its reading and writing."""
    balance = [0]

    async def handle(task: Task, _context: TaskContext) -> Any:
        if task.payload.get("count"):
            total, balance[0] = balance[0], 0
            return total
        for _ in range(8 if task.agent == "clerk-b" else 0):
            await asyncio.sleep(0)
        read = balance[0]
        await asyncio.sleep(0)
        balance[0] = read + 1
        return None

    return [adopt(Reader(name, handle)) for name in ("clerk-a", "clerk-b")]


def test_a_lost_update_between_two_agents_is_found_repeated_and_shrunk(tmp_path: Path) -> None:
    """Within 40 seeds; the printed one shows it each time; at most three deviations are left."""
    path = tmp_path / "race.scenario.yaml"
    path.write_text(RACE)
    (scenario,) = load_scenarios(path)
    result = run_scenario(scenario, agents=clerks(), router=FixedRouter)
    series = result.series
    assert series is not None
    assert series.failing is not None
    assert series.found is not None
    assert (result.verdict, series.total) == ("failed", 41)
    assert 1 <= len(series.failing.interleaving.holds) <= 3
    assert series.found.interleaving.seed is not None
    for one in (series.found, series.failing):
        for _ in range(20):
            again = run_scenario(scenario, agents=clerks(), router=FixedRouter, interleaving=one.interleaving)
            assert (again.verdict, again.outcomes[0].met) == ("failed", False)
    printed = misses(result)[-1]
    assert f"--interleaving {series.failing.interleaving}" in printed
    assert f"(found with --seed 0 --interleaving {series.found.interleaving.seed})" in printed
    assert parse_interleaving(printed.partition("--interleaving ")[2].split()[0]) == series.failing.interleaving


def test_what_fails_once_in_five_never_reports_plain_passed(tmp_path: Path) -> None:
    """It fails, or is called flaky where the scenario allows for that, in text, in JUnit and in the summary."""
    calls = [0]

    async def handle(_task: Task, _context: TaskContext) -> Any:
        calls[0] += 1
        return calls[0] % 5 != 0

    text = RACE.replace("runs: {schedules: 40}", "runs: {repeat: 5, require: REQUIRED}").replace(
        "equals: 2", "equals: true"
    )
    text = text.replace(
        "      a: {request: deposit, agent: clerk-a}\n      b: {request: deposit, agent: clerk-b}\n", ""
    )
    path = tmp_path / "flaky.scenario.yaml"
    for required, verdict, word in (("all", "failed", "FAILED"), ("4", "passed", "FLAKY")):
        calls[0] = 0
        path.write_text(text.replace("REQUIRED", required).replace("after: [a, b], ", ""))
        agents = [adopt(Reader(name, handle)) for name in ("clerk-a", "clerk-b")]
        result = run_scenario(load_scenarios(path)[0], agents=agents, router=FixedRouter)
        assert result.verdict == verdict
        assert describe(result).startswith(word)
        assert "4 of 5 runs passed" in to_junit([result])
        assert summary([result]) == f"1 {word.lower()}"
        assert exit_code([result]) == int(verdict == "failed")


@given(st.integers(0, 12), st.integers(1, 12), st.data())
def test_pass_to_the_k_is_the_share_of_draws_that_all_passed(passed: int, total: int, data: st.DataObject) -> None:
    """As counted over all draws of k runs out of those that were made."""
    passed = min(passed, total)
    count = data.draw(st.integers(1, total))
    runs = [True] * passed + [False] * (total - passed)
    draws = [[runs[place] for place in range(total) if mask >> place & 1] for mask in range(2**total)]
    these = [all(draw) for draw in draws if len(draw) == count]
    assert math.isclose(Series(passed, total, total).all_of(count), sum(these) / len(these), abs_tol=1e-9)


def test_runs_have_the_seeds_that_follow_then_the_interleavings() -> None:
    """So that each can be repeated by what is printed of it."""
    seen: list[Try] = []
    run_series(Runs(repeat=2, schedules=2), 7, lambda one: not seen.append(one), lambda _: frozenset())  # type: ignore[func-returns-value]
    assert seen == [Try(7), Try(8), Try(7, Interleaving(0)), Try(7, Interleaving(1))]
    assert [str(one) for one in seen[1:3]] == ["--seed 8", "--seed 7 --interleaving 0"]


@pytest.mark.parametrize(("require", "required"), [("all", 5), (3, 3), (9, 5)])
def test_no_more_can_be_required_than_there_are_runs(require: Any, required: int) -> None:
    """`require: 9` of five runs means all of them."""
    assert Runs(repeat=5, require=require).required == required
