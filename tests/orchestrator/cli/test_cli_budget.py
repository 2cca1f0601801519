"""Budgets on the command line: `--budget`, `pointsman budget`, and what says that one is used up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator import TaskContext, agent
from orchestrator.policy import Policy, Retry

Cli = Callable[..., tuple[int, str, str]]
Install = Callable[..., None]

PLAN = """\
plan: verses
budget: {tokens: 1000, cost: 5}
tasks:
  first: {request: write a poem, estimate_s: 9}
  second: {request: write a poem about spring, estimate_s: 5}
  third: {request: write a poem, budget: {cost: 0.2}}
"""


@pytest.fixture
def poem(cli: Cli, folder: Path, install: Install) -> Cli:
    """Return the command line of a folder with a plan and an agent that spends."""

    @agent(
        "poet",
        summary="Writes poems.",
        examples=["write a poem", "a poem about spring"],
        policy=Policy(concurrency=1, retry=Retry(max_attempts=1)),
    )
    async def poet(request: str, context: TaskContext) -> str:
        await context.spend(tokens=400, cost="0.125")
        return request

    install(poet)
    (folder / "verses.yaml").write_text(PLAN)
    return cli


def run(poem: Cli, *options: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = poem("run", "verses.yaml", "--json", *options)
    return code, json.loads(out)


def test_a_run_that_its_budget_stops_says_so_and_exits_with_5(poem: Cli) -> None:
    """In words with what to do, as JSON, in the health of the folder, and as `pointsman budget`; then it goes on."""
    code, out, _ = poem("run", "verses.yaml", "--budget", "tokens=500")
    assert code == 5
    assert "the budget of the run is used up: 800 tokens spent of 500" in out
    assert "--budget tokens=MORE" in out
    code, out, _ = poem("doctor", "--json")
    check = next(check for check in json.loads(out)["checks"] if check["name"] == "budget")
    assert (check["status"], "800 tokens spent of 500" in check["detail"]) == ("warn", True)
    code, out, _ = poem("budget", "--json")
    spent = json.loads(out)["budgets"]
    assert code == 5
    assert spent[0]["used_up"] == {"scope": "run", "name": "", "resource": "tokens", "limit": 500, "spent": 800}
    assert [(one["scope"], one["name"], one["spent"]["tokens"]) for one in spent] == [
        ("run", "", 800),
        ("agent", "poet", 800),
        ("task", "third", 0),
    ]
    assert spent[0]["limits"] == {"tokens": 500, "cost": "5"}, "what the option does not say is as the plan says"
    code, out, _ = poem("resume", "--json", "--budget", "tokens=5000")
    body = json.loads(out)
    assert (code, body["ok"], body["stopped_by"]) == (0, True, None)
    code, out, _ = poem("budget")
    assert code == 0
    assert "1,600 of 5,000" in out
    assert "0.5 of 5" in out


def test_json_says_what_stopped_a_run_and_each_task(poem: Cli) -> None:
    """For whoever reads it with a program."""
    code, body = run(poem, "--budget", "attempts=1")
    short = {"scope": "run", "name": "", "resource": "attempts", "limit": 1, "spent": 1}
    assert (code, body["stopped_by"], body["ok"]) == (5, short, False)
    assert [result.get("budget") for result in body["results"]] == [None, short, short]
    assert [one["spent"]["cost"] for one in body["budgets"]] == ["0.125", "0"]


def test_the_budget_of_a_task_stops_no_run(poem: Cli, folder: Path) -> None:
    """It is a task that did not complete, like another one."""
    (folder / "verses.yaml").write_text(PLAN.replace("cost: 0.2", "cost: 0.1").replace("tokens: 1000", "tokens: 9000"))
    code, body = run(poem)
    assert (code, body["stopped_by"]) == (1, None)
    assert [result["status"] for result in body["results"]] == ["completed", "completed", "dead_lettered"]
    assert body["results"][2]["budget"]["scope"] == "task"


def test_why_shows_the_decision_that_a_budget_kept_from_being_one(cli: Cli, folder: Path, install: Install) -> None:
    """With its vetoes."""

    @agent(
        "poet",
        summary="Writes poems.",
        examples=["write a poem"],
        policy=Policy.model_validate({"budget": {"attempts": 0}}),
    )
    async def poet(request: str) -> str:
        return request

    install(poet)
    (folder / "one.yaml").write_text("plan: one\ntasks:\n  t: {request: write a poem}\n")
    assert cli("run", "one.yaml")[0] == 1
    _, out, _ = cli("why", "t")
    assert "poet: budget: 0 attempts begun of 0" in out
    _, out, _ = cli("dead-letters", "list", "--json", "--agent", "poet")
    assert json.loads(out)[0]["budget"]["scope"] == "agent"


@pytest.mark.parametrize("text", ["tokens", "tokens=-1", "token=5", "cost=much"])
def test_an_option_that_is_no_budget_is_a_usage_error(poem: Cli, text: str) -> None:
    """Before anything begins."""
    for command in (("run", "verses.yaml"), ("resume",)):
        code, _, err = poem(*command, "--budget", text)
        assert code == 2
        assert "budget" in err


def test_a_plan_with_a_budget_that_is_none_is_refused_where_it_says_so(poem: Cli, folder: Path) -> None:
    """With line and column, and the names that there are."""
    (folder / "bad.yaml").write_text("plan: bad\nbudget: {token: 5}\ntasks:\n  t: {request: write a poem}\n")
    code, _, err = poem("run", "bad.yaml")
    assert (code, "bad.yaml:2:10" in err, "tokens" in err) == (4, True, True)
    (folder / "bad.yaml").write_text("plan: bad\ntasks:\n  t: {request: write, budget: {cost: much}}\n")
    code, _, err = poem("run", "bad.yaml")
    assert (code, "bad.yaml:3:" in err, "'much' is no cost" in err) == (4, True, True)


def test_without_a_run_there_is_no_budget(cli: Cli) -> None:
    """And it says what is missing."""
    code, _, err = cli("budget")
    assert code == 1
    assert "there is no journal" in err
