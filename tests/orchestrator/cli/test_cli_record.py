"""`pointsman record`, `replay` and `promote RUN --out`: from a run to a scenario that plays it for ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator import TaskContext, agent
from orchestrator.journal import JournalReader

Cli = Callable[..., tuple[int, str, str]]
Install = Callable[..., None]

PLAN = """\
plan: ask around
tasks:
  ask: {request: ask the oracle about spring, agent: oracle}
  again: {request: ask the oracle about spring, after: ask, agent: oracle}
"""


class Oracle:
    """Knows a number more each time that it is asked; what it is asked may change."""

    def __init__(self) -> None:
        self.asked, self.prompt = 0, "spring"

    async def ask(self) -> int:
        self.asked += 1
        return self.asked


@pytest.fixture
def oracle(install: Install) -> Oracle:
    """Install an agent that asks an oracle, and write its plan."""
    known = Oracle()

    @agent("oracle", summary="Asks the oracle.", examples=["ask the oracle about spring"])
    async def asks(request: str, context: TaskContext) -> dict[str, Any]:
        return {"said": await context.read("oracle", known.ask, request=known.prompt), "id": context.new_id()}

    install(asks)
    Path("ask.plan.yaml").write_text(PLAN, encoding="utf-8")
    return known


def test_a_recorded_run_is_replayed_the_same_without_asking(cli: Cli, oracle: Oracle) -> None:
    """It is in the journal as any run is; its reads are in a cassette beside it."""
    code, out, err = cli("record", "ask.plan.yaml", "--json")
    recorded = json.loads(out)
    assert (code, recorded["ok"], recorded["reads"]) == (0, True, 2)
    assert Path(recorded["cassette"]).is_file()
    assert recorded["run"] in cli("journal", "runs")[1]
    code, out, err = cli("replay", recorded["run"][:17])
    assert (code, err) == (0, "")
    assert "the same: " in out
    assert json.loads(cli("replay", "--json")[1])["same"] is True
    assert oracle.asked == 2


def test_a_changed_request_is_shown_beside_the_recorded_one(cli: Cli, oracle: Oracle) -> None:
    """With the first difference that it makes in the journal; the exit code is 1."""
    cli("record", "ask.plan.yaml")
    oracle.prompt = "autumn"
    code, out, _ = cli("replay")
    assert code == 1
    assert "a read that is recorded otherwise: call 1 of task 'ask' to 'oracle'" in out
    assert '"spring"' in out
    assert '"autumn"' in out
    assert "recorded and not made: call 1 of task 'ask' to 'oracle'" in out
    assert "1. payload: task.completed of ask" in out
    found = json.loads(cli("replay", "--json")[1])
    assert (found["same"], len(found["misses"]), len(found["unused"])) == (False, 1, 2)
    assert oracle.asked == 2


def test_a_recorded_run_becomes_a_scenario_that_passes(cli: Cli, oracle: Oracle) -> None:
    """And that fails when the agent does something else; files that are there are left alone."""
    cli("record", "ask.plan.yaml")
    code, out, _ = cli("promote", "--out", "uat/ask.scenario.yaml")
    assert code == 0
    assert "expectations" in out
    assert cli("test", "uat")[0] == 0
    oracle.prompt = "autumn"
    code, out, _ = cli("test", "uat")
    assert code == 1
    assert "not recorded: call 1 asks 'autumn'; recorded: call 1 of 'ask': 'spring'" in out
    before = Path("uat/ask.scenario.yaml").read_bytes()
    code, _, err = cli("promote", "--out", "uat/ask.scenario.yaml")
    assert (code, Path("uat/ask.scenario.yaml").read_bytes()) == (1, before)
    assert "is there already" in err
    assert cli("promote", "--out", "uat/ask.scenario.yaml", "--overwrite")[0] == 0
    assert oracle.asked == 2


def test_the_inputs_of_a_recorded_run_go_with_its_scenario(cli: Cli, oracle: Oracle) -> None:
    """A folder that was named is copied; one that was not might be anything, and is not."""
    Path("in").mkdir()
    Path("in/a.txt").write_text("x", encoding="utf-8")
    cli("record", "ask.plan.yaml", "--workspace", "in")
    promoted = json.loads(cli("promote", "--out", "uat/ask.scenario.yaml", "--json")[1])
    assert Path(promoted["workspace"], "a.txt").read_text(encoding="utf-8") == "x"
    assert cli("test", "uat")[0] == 0


def test_a_recorded_run_is_forked_at_a_row(cli: Cli, oracle: Oracle) -> None:
    """What is set there has its consequences; what had been said before the point is not asked for again."""
    run = json.loads(cli("record", "ask.plan.yaml", "--json")[1])["run"]
    with JournalReader(Path(".pointsman/journal.db")) as reader:
        row = next(row for row in reader.rows(run=run) if row.envelope.topic == "task.completed")
    code, out, _ = cli("fork", run, "--at", str(row.sequence), "--set", "/output/said=99", "--json")
    forked = json.loads(out)
    assert (code, forked["run"], forked["reads"], oracle.asked) == (0, f"{run}-fork1", 1, 3)
    assert [one["output"]["said"] for one in forked["results"]] == [99, 3]
    assert cli("diff", run, forked["run"])[0] == 1
    assert cli("replay", forked["run"])[0] == 0
    assert "has no '='" in cli("fork", run, "--at", "1", "--set", "/a")[2]
    assert "none of live, cassette" in cli("fork", run, "--at", "1", "--tail", "dead")[2]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("replay",), "no run is recorded; record one with `pointsman record PLAN`"),
        (("replay", "--cassette", "none.jsonl"), "none.jsonl:1:1: the cassette cannot be read"),
        (("promote", "--out", "a.scenario.yaml"), "no run is recorded"),
        (("test", "--interleaving", "soon"), "'soon' is none; write a seed"),
    ],
)
def test_what_is_not_there_is_refused_with_what_to_do(cli: Cli, command: tuple[str, ...], said: str) -> None:
    """In words, without a traceback."""
    code, _, err = cli(*command)
    assert code != 0
    assert said in " ".join(err.split())


def test_a_run_that_was_not_recorded_is_told_from_one_that_was(cli: Cli, oracle: Oracle) -> None:
    """And a scenario has to be named like one."""
    cli("record", "ask.plan.yaml")
    assert "no recorded run '1999'" in cli("replay", "1999")[2]
    assert "a scenario is named like" in cli("promote", "--out", "ask.yaml")[2]
