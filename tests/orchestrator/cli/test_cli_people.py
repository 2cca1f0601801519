"""`pointsman inbox`, `answer` and `dead-letters`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator import AgentError, Policy, Retry, Task, TaskContext, agent
from orchestrator.journal import JournalReader
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter
from scenarios.mailbox import Mailbox

Cli = Callable[..., tuple[int, str, str]]
JOURNAL = ".pointsman/journal.db"
ONCE = Policy(retry=Retry(max_attempts=1))


@agent("payer", summary="Pays bills.", examples=["pay the bill"], policy=ONCE)
async def payer(task: Task, context: TaskContext) -> str:
    """Pay if it may."""
    return await context.ask(f"pay [red]{task.id}[/red]?")


@agent("breaker", summary="Breaks.", examples=["break it"], policy=ONCE)
async def breaker(task: Task) -> None:
    """Break."""
    raise ConnectionError("no line to the bank")


@agent("mender", summary="Refuses.", examples=["mend it"], policy=ONCE)
async def mender(task: Task) -> None:
    """Refuse."""
    raise AgentError("no")


async def _run(*tasks: Task, **settings: Any) -> None:
    made = Settings(log_format="off", drain_s=0.2, **settings)
    async with Orchestrator(made, agents=[payer, breaker, mender], router=FixedRouter(), run="r") as o:
        for task in tasks:
            await o.submit(task)
        await asyncio.sleep(0.1)


async def _resume() -> dict[str, Any]:
    settings = Settings(log_format="off", answers_every_s=0.01)
    async with Orchestrator.resume("r", settings, agents=[payer, breaker, mender], router=FixedRouter()) as o:
        return await o.results()


@pytest.fixture
def asked(cli: Cli) -> Cli:
    """Return the command line after a run that stopped while a task waits, with a task that nobody gets."""
    asyncio.run(_run(Task("bill", "payer"), Task("strange", "zzz")))
    return cli


def test_the_inbox_lists_what_waits_and_what_nobody_got(asked: Cli) -> None:
    """As a table for people and as JSON for programs; what strangers wrote is inert."""
    code, out, err = asked("inbox")
    assert code == 0
    assert "pay [red]bill[/red]?" in out
    assert "the router abstained" in out
    assert "pointsman answer TASK ANSWER" in err
    waiting, ended = json.loads(asked("inbox", "--run", "r", "--json")[1])
    assert {name: waiting[name] for name in ("run", "task", "key", "agent", "kind", "options", "waits")} == {
        "run": "r",
        "task": "bill",
        "key": "1",
        "agent": "payer",
        "kind": "question",
        "options": ["yes", "no"],
        "waits": True,
    }
    assert (ended["task"], ended["kind"], ended["waits"]) == ("strange", "abstained", False)


def test_an_answer_waits_in_the_journal_for_the_run_to_be_resumed(asked: Cli) -> None:
    """It is chained like any row; the question is in the inbox no more; the task goes on with it."""
    code, out, err = asked("answer", "bill", "yes", "--by", "Ann")
    assert (code, out) == (0, "bill: yes to pay [red]bill[/red]?\n")
    assert "pointsman resume r" in err
    assert asked("journal", "verify")[0] == 0
    assert [one["kind"] for one in json.loads(asked("inbox", "--json")[1])] == ["abstained"]
    assert asyncio.run(_resume())["bill"].output == "yes"


def test_a_second_answer_is_refused_with_the_first_one(asked: Cli) -> None:
    """Who, what, when; exit code 1; nothing is added."""
    asked("answer", "bill", "yes", "--by", "Ann")
    code, out, err = asked("answer", "bill", "no")
    assert (code, out) == (1, "")
    assert "task 'bill': Ann answered 'yes' at 20" in err
    with JournalReader(JOURNAL) as reader:
        assert len(list(reader.rows(topics=("task.answered",)))) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["bil", "yes"], 1, "did you mean 'bill'?"),
        (["bill", "yse"], 1, "did you mean 'yes'? known: no, yes"),
        (["bill", "yes", "--key", "9"], 1, "under the key '1', not '9'"),
        (["bill", "yes", "--output", "1"], 1, "an output goes only with"),
        (["bill", "yes", "--output", "{"], 2, "is no JSON"),
        (["bill", "yes", "--run", "q"], 1, "no run 'q'"),
        (["strange", "yes"], 1, "it asks nothing"),
    ],
)
def test_what_is_no_answer_is_refused(asked: Cli, arguments: list[str], code: int, problem: str) -> None:
    """One line; nothing is on record."""
    found, out, err = asked("answer", *arguments)
    assert (found, out) == (code, "")
    assert problem in " ".join(err.replace("│", " ").split())
    assert len(json.loads(asked("inbox", "--json")[1])) == 2


def test_a_running_orchestrator_hears_an_answer_from_another_process(cli: Cli) -> None:
    """It looks for them while a task waits; here the other process is another thread with a journal of its own."""

    async def go() -> Any:
        settings = Settings(log_format="off", answers_every_s=0.01)
        async with Orchestrator(settings, agents=[payer], router=FixedRouter(), run="r") as o:
            ticket = await o.submit("payer", id="bill")
            while "bill" not in await asyncio.to_thread(lambda: cli("inbox")[1]):
                pass
            assert (await asyncio.to_thread(cli, "answer", "bill", "no"))[0] == 0
            return (await ticket.result()).output

    assert asyncio.run(go()) == "no"


def test_why_explains_a_decision_that_waits_for_a_person(cli: Cli) -> None:
    """The decision for nobody is explained, with what is asked; once answered, who was named."""
    asyncio.run(_run(Task("strange", "zzz"), when_abstained="ask"))
    code, out, _ = cli("why", "strange")
    assert code == 0
    assert "nobody: " in out
    assert "run r, waits for a person" in out
    assert "asked: who is to do this: zzz (breaker, mender, payer, nobody)" in out
    found = json.loads(cli("why", "strange", "--json")[1])
    assert found["decision"]["abstained"]
    assert (found["ending"], found["waits_for"]["kind"], found["waits_for"]["waits"]) == (None, "agent", True)
    assert cli("answer", "strange", "nobody")[0] == 0
    assert "waits_for" not in json.loads(cli("why", "strange", "--json")[1])


def test_why_says_what_a_task_asks(asked: Cli) -> None:
    """Beside the decision that gave it to the agent who asks."""
    out = asked("why", "bill")[1]
    assert "bill → payer" in out
    assert "asked: pay [red]bill[/red]? (yes, no)" in out
    assert json.loads(asked("why", "bill", "--json")[1])["waits_for"]["kind"] == "question"


@pytest.fixture
def died(cli: Cli) -> Cli:
    """Return the command line after a run with two dead letters, one of which doomed another task."""
    asyncio.run(_run(Task("x", "breaker"), Task("y", "breaker"), Task("z", "payer", after=("x",)), Task("m", "mender")))
    return cli


def test_dead_letters_are_listed_and_shown(died: Cli) -> None:
    """By agent and cause; with what happened to each, and which tasks ended because of it."""
    assert "no line to the bank" in died("dead-letters", "list")[1]
    assert [one["task"] for one in json.loads(died("dead-letters", "list", "--json")[1])] == ["x", "y"]
    assert json.loads(died("dead-letters", "list", "--agent", "payer", "--json")[1]) == []
    code, out, _ = died("dead-letters", "show", "x")
    assert code == 0
    assert "1 tasks ended because of it: z" in out
    assert json.loads(died("dead-letters", "show", "x", "--json")[1])["ended_with_it"] == ["z"]
    code, _, err = died("dead-letters", "show", "z")
    assert code == 1
    assert "task 'z' is no dead letter" in err


def test_what_is_retried_is_open_again_and_what_is_dropped_is_not_listed(died: Cli) -> None:
    """Both are rows of the journal; a run with something to try again is not pruned."""
    code, out, err = died("dead-letters", "retry", "x")
    assert code == 0
    assert out.startswith("x: to be tried again; ")
    assert "pointsman resume r" in err
    assert died("dead-letters", "drop", "--all", "--cause", "NO LINE", "--yes")[0] == 0
    assert json.loads(died("dead-letters", "list", "--json")[1]) == []
    code, out, _ = died("journal", "prune", "--run", "r")
    assert code == 1
    assert "to be tried again, resume it first" in " ".join(out.split())
    results = asyncio.run(_resume())
    assert (results["x"].status, results["x"].attempts) == ("dead_lettered", 1)
    assert [one["task"] for one in json.loads(died("dead-letters", "list", "--json")[1])] == ["x"]


def test_all_asks_first(died: Cli) -> None:
    """Without --yes and with nobody to say so, nothing is done."""
    assert died("dead-letters", "drop", "--all")[0] == 1
    assert len(json.loads(died("dead-letters", "list", "--json")[1])) == 2


@pytest.mark.parametrize("arguments", [[], ["x", "--all"], ["x", "--agent", "a"]], ids=" ".join)
def test_half_a_choice_is_a_usage_error(died: Cli, arguments: list[str]) -> None:
    """Exit code 2."""
    assert died("dead-letters", "retry", *arguments)[0] == 2


def test_an_answer_goes_to_the_process_that_records_the_run(asked: Cli) -> None:
    """It alone writes the rows; a second answer is told that there is one, and nothing is added to the journal."""
    with JournalReader(JOURNAL) as reader:
        before = reader.last()
    with Mailbox(Path(".pointsman/cassettes"), "r", every_s=0.01):
        code, out, _err = asked("answer", "bill", "yes", "--by", "Ann")
        assert (code, "bill: yes to" in out) == (0, True)
        code, _out, err = asked("answer", "bill", "no")
        assert (code, "somebody answered already; the first answer counts" in err) == (1, True)
    with JournalReader(JOURNAL) as reader:
        assert reader.last() == before
