"""A dozen requests: what the records of a run foretell of a run at another threshold comes true, row by row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.again.foresight import foretell
from benchmarks.again.world import Clerk, World, agent_name, live, read_rows, tasks_of
from orchestrator.journal import Row
from orchestrator.plugins import discover
from orchestrator.whatif import audit
from router import bundled_router

REQUESTS = (
    "fix this broken json", "is there a script that reloads the rates", "write the release notes", "zzz qqq",
    "does this migration lock the table", "what is odd in these logs", "json", "may we release",
    "write a poem about trains", "check my sql",
    "who signed this off", "find a script and check its logs",
)  # fmt: skip


@pytest.fixture(scope="module")
def world() -> World:
    """Return clerks with the cards of the bundled agents, and a dozen requests, some of which nobody serves."""
    cards = [plugin.agent.card for plugin in discover().loaded]
    return World(tuple(Clerk(card.name, card.examples) for card in cards), tasks_of(REQUESTS, seed=4))


@pytest.fixture(scope="module")
def recorded(world: World, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Return the rows of a run with the bundled router."""
    journal = tmp_path_factory.mktemp("again") / "journal.db"
    live(world, journal, bundled_router)
    return read_rows(journal)


def test_every_decision_agrees_with_its_record(recorded: list[Row]) -> None:
    """Choice, leader, runner-up, margin and confidence."""
    found = audit("again", recorded)
    assert found.asked == found.judged >= 12
    assert found.faults == {}


@pytest.mark.parametrize("threshold", [0.05, 0.9])
def test_another_threshold_comes_true_event_for_event(
    world: World, recorded: list[Row], tmp_path: Path, threshold: float
) -> None:
    """Topic and body of each row of each task of which the records tell."""
    journal = tmp_path / "journal.db"
    live(world, journal, bundled_router, threshold)
    told = foretell(recorded, read_rows(journal), threshold)
    assert told.wrong == []
    assert told.foretold > 50
    assert told.found.answers


def test_the_comparison_can_fail(world: World, recorded: list[Row]) -> None:
    """A row that came otherwise is seen, with what differs in it."""
    at = max(at for at, row in enumerate(recorded) if row.envelope.topic == "task.completed")
    body = {**recorded[at].envelope.body, "output": {"by": "somebody else"}}
    changed = [*recorded]
    changed[at] = replace(changed[at], envelope=changed[at].envelope._replace(body=body))
    threshold = next(row.envelope.body["decision"]["threshold"] for row in recorded if "decision" in row.envelope.body)
    told = foretell(recorded, changed, threshold)
    assert any(line.endswith("output differ") for line in told.wrong)


def test_an_agent_is_named_after_its_intent_and_set() -> None:
    """Both sets have an intent for exchange rates."""
    assert agent_name("banking77", "Refund_not_showing_up?") == "banking77-refund-not-showing-up"
