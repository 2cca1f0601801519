"""`pointsman why --ask-again`: a decision on record, recomputed by the router that took it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from orchestrator import agent
from orchestrator.cli.why import _same

Cli = Callable[..., tuple[int, str, str]]
Install = Callable[..., None]


def test_the_same_router_decides_the_same_and_says_what_would_have_changed_it(ran: Cli) -> None:
    """On Monday, for Friday's task: recomputed, separated, and with the words that mattered."""
    code, out, _ = ran("why", "rhyme", "--ask-again")
    assert code == 0
    for expected in ("the same router decides the same", "difference", "Without “"):
        assert expected in out
    body = json.loads(ran("why", "rhyme", "--ask-again", "--json")[1])
    assert body["reasons"]["confidence"] == body["decision"]["confidence"]
    assert body["reasons"]["counterfactual"]["without"]


def test_an_abstention_is_recomputed_too(ran: Cli) -> None:
    """Nobody was chosen then, and nobody is now."""
    code, out, _ = ran("why", "strange", "--ask-again")
    assert code == 0
    assert "the same router decides the same" in out


def test_another_router_is_not_asked(ran: Cli, install: Install) -> None:
    """One agent more, and it is another router: its reasons would not be those of the decision."""

    async def handle(request: str) -> str:
        return request

    install(*(agent(name, summary="s", examples=[f"{name} work"])(handle) for name in ("ledger-keeper", "poet")))
    code, out, err = ran("why", "rhyme", "--ask-again")
    assert (code, out) == (1, "")
    assert "was decided by router " in err
    assert "use the same model and the same agents" in err


def test_a_task_that_the_router_was_not_asked_for_is_refused(ran: Cli) -> None:
    """A pinned task has no decision of the router's to recompute."""
    code, _, err = ran("why", "rhyme/1", "--ask-again")
    assert code == 1
    assert "was not asked who gets it" in err


def test_a_record_that_was_changed_is_found_out(ran: Cli) -> None:
    """Same fingerprint, other confidence: the record is not what this router said."""
    with closing(sqlite3.connect(".pointsman/journal.db")) as connection, connection:
        query = "SELECT sequence, row FROM rows WHERE task = 'rhyme' AND topic = 'task.routed'"
        [(sequence, canonical)] = connection.execute(query)
        row = json.loads(canonical)
        row["body"]["decision"]["confidence"] -= 0.01
        connection.execute("UPDATE rows SET row = ? WHERE sequence = ?", (json.dumps(row).encode(), sequence))
    connection.close()
    code, out, err = ran("why", "rhyme", "--ask-again")
    assert (code, out) == (1, "")
    assert "decides otherwise than is on record: confidence differ" in err


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (0.5, 0.500004, True),
        (0.5, 0.50001, False),
        ([["word", 0.1]], [["word", 0.100001]], True),
        ([["word", 0.1]], [["word", 0.1], ["more", 0.1]], False),
        ({"name": "a", "score": 0.1}, {"name": "a", "score": 0.1}, True),
        ({"name": "a", "score": 0.1}, {"name": "b", "score": 0.1}, False),
        ({"name": "a"}, {"name": "a", "score": 0.1}, False),
    ],
)
def test_numbers_may_differ_in_their_last_digit_and_nothing_else_may(one: object, other: object, *, same: bool) -> None:
    """Another processor may add in another order; a name is a name."""
    assert _same(one, other) is same
