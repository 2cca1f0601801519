import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent import adopt
from orchestrator.context import TaskContext
from orchestrator.messages import Task
from orchestrator.testing import FixedRouter
from scenarios.cassette import RecordMode, load_cassette
from scenarios.loader import load_scenarios
from scenarios.report import misses
from scenarios.runner import ScenarioResult, run_scenario
from tests.scenarios.recorded_agents import Reader, World

SCENARIO = """\
scenario: Two talkers
given: {agents: [talker-a, talker-b]}
when:
  - tasks:
      a: {request: ask talker-a, agent: talker-a}
      b: {request: ask talker-b, agent: talker-b}
cassette: {path: tapes/two.cassette.jsonl, record: MODE}
then:
  - {type: completed, task: a}
"""


class Theatre:
    """Plays a scenario of two agents that ask a world."""

    def __init__(self, folder: Path) -> None:
        self.world, self.folder = World(), folder
        self.tape = folder / "tapes" / "two.cassette.jsonl"

    def play(
        self, mode: str, prompts: Sequence[str] = ("one", "two"), record: RecordMode | None = None
    ) -> ScenarioResult:
        async def handle(_task: Task, context: TaskContext) -> Any:
            return [await context.read("llm", self.world.ask, request=prompt) for prompt in prompts]

        path = self.folder / "two.scenario.yaml"
        path.write_text(SCENARIO.replace("MODE", mode))
        agents = [adopt(Reader(name, handle)) for name in ("talker-a", "talker-b")]
        return run_scenario(load_scenarios(path)[0], agents=agents, router=FixedRouter, record=record)


@pytest.fixture
def theatre(tmp_path: Path) -> Theatre:
    return Theatre(tmp_path)


def test_once_records_what_is_not_there_and_plays_it_from_then_on(theatre: Theatre) -> None:
    """The same journal, without asking anybody again."""
    first = theatre.play("once")
    assert (first.verdict, theatre.world.asked) == ("passed", 4)
    again = theatre.play("once")
    assert (again.verdict, again.journal, theatre.world.asked) == ("passed", first.journal, 4)
    assert theatre.play("none").journal == first.journal


def test_none_refuses_what_is_not_recorded_and_misses_what_is_not_read(theatre: Theatre) -> None:
    """Each is a line of the report, with the nearest recording; the scenario has failed."""
    assert theatre.play("none").error.startswith(f"{theatre.tape}:1:1: the cassette cannot be read")
    theatre.play("once")
    before = theatre.tape.read_bytes()
    result = theatre.play("none", ["one", "three"])
    lines = "\n".join(misses(result))
    assert result.verdict == "failed"
    assert "task 'a' reads 'llm': not recorded: call 2 asks 'three'; recorded: call 2 of 'a': 'two'" in lines
    assert "recorded and not read: call 2 of task 'b' to 'llm': 'two'" in lines
    assert (theatre.world.asked, theatre.tape.read_bytes()) == (4, before)


def test_a_recorded_call_that_is_not_made_fails_an_otherwise_happy_scenario(theatre: Theatre) -> None:
    """Every expectation is met, and yet the agent no longer does what was recorded."""
    theatre.play("once")
    result = theatre.play("none", ["one"])
    assert all(outcome.met for outcome in result.outcomes)
    assert (result.verdict, len(result.astray)) == ("failed", 2)


def test_new_asks_for_what_is_not_recorded_alone(theatre: Theatre) -> None:
    """What is there is played; what is not is added to it."""
    theatre.play("once")
    assert theatre.play("new", ["one", "two", "three"]).verdict == "passed"
    assert theatre.world.asked == 6
    assert len(load_cassette(theatre.tape).recordings) == 6
    assert theatre.play("none", ["one", "two", "three"]).verdict == "passed"
    assert theatre.world.asked == 6


def test_all_records_anew(theatre: Theatre) -> None:
    """Nothing of the old cassette stays; it can be asked for from outside the file."""
    theatre.play("once")
    theatre.play("none", ["four"], record="all")
    assert [one.request for one in load_cassette(theatre.tape).recordings] == ["four", "four"]


def test_a_scenario_that_fails_while_recording_leaves_the_old_cassette(theatre: Theatre) -> None:
    """A run that could not be played to its end has nothing worth keeping."""
    theatre.play("once")
    before = theatre.tape.read_bytes()
    path = theatre.folder / "two.scenario.yaml"
    scenario = replace(load_scenarios(path)[0], record="all")

    async def asks(_task: Task, context: TaskContext) -> Any:
        await context.read("llm", theatre.world.ask)
        return await context.ask("May I?")

    agents = [adopt(Reader(name, asks)) for name in ("talker-a", "talker-b")]
    assert run_scenario(scenario, agents=agents, router=FixedRouter).verdict == "error"
    assert theatre.tape.read_bytes() == before


def test_a_scenario_without_a_cassette_is_offline(theatre: Theatre) -> None:
    """An agent that connects by itself fails, and says where it wanted to."""

    async def handle(_task: Task, _context: TaskContext) -> Any:
        socket.create_connection(("bank.example", 443))

    path = theatre.folder / "two.scenario.yaml"
    path.write_text("\n".join(line for line in SCENARIO.splitlines() if not line.startswith("cassette")))
    agents = [adopt(Reader(name, handle)) for name in ("talker-a", "talker-b")]
    result = run_scenario(load_scenarios(path)[0], agents=agents, router=FixedRouter)
    assert "bank.example:443" in misses(result)[0]
