"""How a task was run, as `pointsman why` and `dead-letters show` tell it from the journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from orchestrator import Plan, Policy, Retry, Task, agent
from orchestrator.cli.policy_view import find_policy
from orchestrator.journal import JournalReader
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter

Cli = Callable[..., tuple[int, str, str]]


@agent("breaker", summary="Breaks.", examples=["break it"], policy=Policy(retry=Retry(backoff_s=0.25)))
async def breaker(task: Task) -> None:
    """Break."""
    raise ConnectionError("no line to the bank")


@pytest.fixture
def broken(cli: Cli) -> Cli:
    """Return the command line after a run whose settings, card, plan and task each state something."""

    async def run() -> None:
        settings = Settings(log_format="off", policy=Policy(timeout_s=30))
        strict = Task("x", "breaker", policy=Policy(timeout_s=5, retry=Retry(total_s=60)))
        plan = Plan("p", (strict,), policy=Policy(timeout_s=9, retry=Retry(never=("OSError", "timeout"))))
        async with Orchestrator(settings, agents=[breaker], router=FixedRouter(), run="r") as o:
            await o.run(plan)

    asyncio.run(run())
    return cli


@pytest.mark.parametrize("command", [("why", "x"), ("dead-letters", "show", "x")])
def test_how_a_task_was_run_is_shown_where_one_looks_at_it(broken: Cli, command: tuple[str, ...]) -> None:
    """What held in the end, and what plan and task stated of it."""
    out = " ".join(broken(*command)[1].split())
    assert "run under 5 s an attempt; 3 attempts, waits of 0.25 s, times 2, up to 60 s; none later than 60 s" in out
    assert "not again after OSError, timeout" in out
    assert "stated by the plan timeout_s 9.0, retry.never OSError, timeout" in out
    assert "stated by the task timeout_s 5.0, retry.total_s 60.0" in out
    assert "not retried: OSError is in `never`" in " ".join(broken("dead-letters", "list")[1].split())
    told = json.loads(broken(*command, "--json")[1])["run_under"]
    assert (told["policy"]["timeout_s"], told["policy"]["retry"]["backoff_s"]) == (5, 0.25)
    assert told["stated"]["task"] == {"timeout_s": 5.0, "retry": {"total_s": 60.0}}


def test_nothing_is_shown_that_the_journal_does_not_say(broken: Cli) -> None:
    """Such as of a task that nobody ran, or an agent that it does not know."""
    with JournalReader(".pointsman/journal.db") as reader:
        assert find_policy(reader, "r", "x", "breaker") is not None
        assert find_policy(reader, "r", "x", "nobody") is None
        assert find_policy(reader, "r", "y", "breaker") is None
