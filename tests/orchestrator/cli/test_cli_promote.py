"""`pointsman learn`, `promote`, `rollback` and `models`: the whole walk on the demo, and what is refused."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.journal import JournalReader
from orchestrator.model_store import ModelStore

Cli = Callable[..., tuple[int, str, str]]
STORE = Path(".pointsman/models")


def topics(topic: str) -> list[dict[str, Any]]:
    """Return the bodies of the rows of one topic in the journal."""
    with JournalReader(".pointsman/journal.db") as reader:
        return [dict(row.envelope.body) for row in reader.rows(topics=(topic,))]


@pytest.fixture
def fortnight(cli: Cli, bundled: None) -> Cli:
    """Return the command line after the demo's fortnight and what people said of it."""
    if shutil.which("git") is None:
        pytest.skip("the demo needs git")
    pytest.importorskip("torch")
    assert cli("demo", "--fortnight")[0] == 0
    code, out, _ = cli("feedback", "--data", ".pointsman/demo/fortnight.said.jsonl")
    assert code == 0
    assert out.startswith("72 decisions judged: ")
    return cli


@pytest.mark.timeout(300)
def test_feedback_makes_a_challenger_that_is_let_in_and_taken_back(fortnight: Cli) -> None:
    """Feedback, learn, promote, rollback: each step is on record, and the decisions follow who serves."""
    cli = fortnight
    request = "Ask Hera about the blue side"  # in the words of the house, but not a request of the fortnight
    before = json.loads(cli("route", request, "--json")[1])

    code, out, _ = cli("learn", "--epochs", "20", "--json")
    assert code == 0
    learnt = json.loads(out)
    assert learnt["learnt"]["wrong"] > learnt["learnt"]["right"] > 0
    assert learnt["held_back"]["wrong"] > 0
    assert not set(learnt["rows_learnt"]) & set(learnt["rows_held_back"])
    assert learnt["gain"]["low"] > 0
    digest = learnt["digest"]
    assert json.loads(cli("route", request, "--json")[1]) == before  # it does not serve before it is let in

    code, out, _ = cli("promote")
    assert code == 0, out
    assert out.count(" yes ") == 3
    assert f"promoted: {digest} serves instead of bundled" in out
    after = json.loads(cli("route", request, "--json")[1])
    assert after["fingerprint"] != before["fingerprint"]
    assert f"champion {digest}" in cli("doctor")[1]
    assert f"champion {digest}" in cli("agents", "list")[2]
    assert cli("promote")[0] == 1  # it serves already

    with_it = _completed(cli)
    assert cli("rollback")[1] == f"rolled back: bundled serves instead of {digest}\n"
    assert with_it > 2 * _completed(cli)
    assert json.loads(cli("route", request, "--json")[1]) == before
    assert [step["after"] for step in topics("router.promoted")] == [digest]
    assert [step["before"] for step in topics("router.rolled_back")] == [digest]
    assert [step["what"] for step in json.loads(cli("models", "--json")[1])["history"]] == ["promoted", "rolled back"]
    assert cli("journal", "verify")[0] == 0
    assert cli("rollback")[0] == 1  # nothing served before


def _completed(cli: Cli) -> int:
    """Return how many requests of another fortnight end well."""
    results = json.loads(cli("demo", "--fortnight", "--json")[1])["results"]
    return sum(one["status"] == "completed" for one in results)


@pytest.mark.timeout(300)
def test_a_challenger_that_is_no_better_is_not_let_in_unless_forced(fortnight: Cli) -> None:
    """Exit code 1 and nothing changed; a reason lets it in, and is on record."""
    cli = fortnight
    cli("feedback", "--data", _thumbs_up(cli))
    code, _, err = cli("learn", "--epochs", "1", "--seed", "1", "--out", "challenger.npz")
    assert code == 0, err
    assert Path("challenger.npz").is_file()
    code, out, _ = cli("promote", "--json")
    outcome = json.loads(out)
    assert (code, outcome["passed"], outcome["promoted"]) == (1, False, False)
    assert ModelStore(STORE).champion == ""
    assert topics("router.promoted") == []
    assert cli("promote", "--force")[0] == cli("promote", "--reason", "x")[0] == 2
    code, out, _ = cli("promote", outcome["challenger"][:6], "--force", "--reason", "[red]because[/red]")
    assert code == 0
    assert ", forced: [red]because[/red]" in out
    assert topics("router.promoted")[0]["reason"] == "[red]because[/red]"
    assert "forced: [red]because[/red]" in cli("models")[1]


def _thumbs_up(cli: Cli) -> str:
    """Write that everything went right that went anywhere, and nothing of the rest: there is nothing to gain."""
    records = [json.loads(line) for line in cli("decisions", "--json", "--limit", "100")[1].splitlines()]
    lines = [{"task": one["task"], "should_be": one["chosen"] or one["leader"]} for one in records]
    Path("up.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return "up.jsonl"


def test_there_is_nothing_to_learn_before_somebody_said_something(ran: Cli) -> None:
    """Exit code 1, and how to say it."""
    code, _, err = ran("learn")
    assert code == 1
    assert "nobody has said anything to learn from" in err
    ran("feedback", "balance", "--right")  # its request is one of those that are held back
    code, _, err = ran("learn")
    assert code == 1
    assert "held back to judge by" in err


def test_learning_without_torch_says_what_to_install(ran: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, before anything is trained."""
    ran("feedback", "rhyme", "--right")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, _, err = ran("learn")
    assert code == 1
    assert "pip install 'pointsman[train]'" in err
    assert not STORE.exists()


def test_there_is_nothing_to_promote_in_an_empty_store(ran: Cli, folder: Path) -> None:
    """Nor where the settings name a router: it would serve all the same."""
    code, _, err = ran("promote")
    assert code == 1
    assert "train one with `pointsman learn`" in err
    assert ran("promote", "abc")[0] == 1
    (folder / "s.yaml").write_text("router: mine.npz\n")
    assert "whoever is champion" in ran("promote", "--settings", "s.yaml")[2]
    code, out, err = ran("models")
    assert (code, out) == (0, "serves: the bundled model\n")
    assert "holds no model" in err


def test_a_damaged_store_is_refused_by_every_command_that_asks_it(ran: Cli) -> None:
    """Exit code 4; `doctor` says it as a check that failed."""
    STORE.mkdir()
    (STORE / "champion.json").write_text("{")
    for command in ("models", "promote", "rollback", "route x", "run day.plan.yaml", "agents list"):
        code, _, err = ran(*command.split())
        assert code == 4, command
        assert "champion.json" in err
    code, out, _ = ran("doctor", "--json")
    assert (code, {one["name"]: one["status"] for one in json.loads(out)["checks"]}["router"]) == (1, "fail")
