import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.context import InDoubt, TaskContext
from orchestrator.effects import Receipt, receipt_of
from orchestrator.errors import AgentError, EffectNotDoneError, NotJsonError
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Envelope, Result, Task
from orchestrator.policy import Policy, Retry
from orchestrator.testing import ScriptedAgent, in_virtual_time
from tests.orchestrator.runs import make

Handler = Callable[[Task, TaskContext], Awaitable[Any]]

THRICE = Policy(timeout_s=10, retry=Retry(max_attempts=3, backoff_s=1, jitter=0))


async def play(handler: Handler, *, tasks: int = 1) -> tuple[list[Result], list[Envelope]]:
    """Run a handler on tasks t1, t2, ... and return their results and what was recorded of their effects."""
    journal = MemoryJournal("r")
    async with make([ScriptedAgent("a", [handler], policy=THRICE)], journal) as o:
        tickets = [await o.submit("a", id=f"t{number}") for number in range(1, tasks + 1)]
        results = [await ticket.result() for ticket in tickets]
    return results, [row.envelope for row in journal.rows if row.envelope.topic.startswith("effect.")]


@in_virtual_time
async def test_an_effect_is_on_record_before_it_happens_and_its_outcome_after() -> None:
    """Intended, then done, each caused by what came before it."""
    seen: list[list[str]] = []
    journal = MemoryJournal("r")

    async def handler(_task: Task, context: TaskContext) -> Any:
        def book(key: str) -> dict[str, str]:
            seen.append([row.envelope.topic for row in journal.rows if row.envelope.topic.startswith("effect.")])
            return {"booked": key}

        return await context.effect("book", book)

    async with make([ScriptedAgent("a", [handler])], journal) as o:
        result = await (await o.submit("a", id="t1")).result()
    intended, done = (row.envelope for row in journal.rows if row.envelope.topic.startswith("effect."))
    assert seen == [["effect.intended"]]
    assert result.output == {"booked": "r/t1/book/1"}
    assert intended.body == {"effect": "book", "key": "r/t1/book/1"}
    assert done.body == {"effect": "book", "key": "r/t1/book/1", "output": {"booked": "r/t1/book/1"}}
    started = next(row.envelope for row in journal.rows if row.envelope.topic == "task.started")
    assert (intended.causation_id, done.causation_id) == (started.id, intended.id)


@in_virtual_time
async def test_an_attempt_that_fails_after_its_effect_does_not_repeat_it() -> None:
    """The next attempt answers from the receipt."""
    calls: list[str] = []

    def mail(key: str) -> int:
        calls.append(key)
        return len(calls)

    async def handler(_task: Task, context: TaskContext) -> Any:
        receipt = await context.effect("mail", mail)
        if context.attempt < 3:
            raise ConnectionError("later")
        return receipt

    (result,), recorded = await play(handler)
    assert (result.output, result.attempts, calls) == (1, 3, ["r/t1/mail/1"])
    assert [envelope.topic for envelope in recorded] == ["effect.intended", "effect.done"]


@in_virtual_time
async def test_effects_of_one_name_have_keys_of_their_own_by_count() -> None:
    """In the order of asking, which is the same in each attempt; another task has other keys."""

    async def handler(_task: Task, context: TaskContext) -> Any:
        keys = [await context.effect("mail", lambda key: key) for _ in range(2)]
        keys.append(await context.effect("book", lambda key: key))
        keys.append(await context.effect("book", lambda key: key, key="invoice-17"))
        return keys

    (one, two), _ = await play(handler, tasks=2)
    assert one.output == ["r/t1/mail/1", "r/t1/mail/2", "r/t1/book/1", "invoice-17"]
    assert two.output == ["r/t2/mail/1", "r/t2/mail/2", "r/t2/book/1", "invoice-17"]


@pytest.mark.parametrize(("in_doubt", "status", "calls"), [("again", "completed", 2), ("fail", "failed", 1)])
def test_an_effect_that_raised_is_in_doubt(in_doubt: InDoubt, status: str, calls: int) -> None:
    """A connection that broke says nothing of what the other side did; the policy decides."""
    asked: list[str] = []

    @in_virtual_time
    async def run() -> None:
        async def pay(key: str) -> str:
            asked.append(key)
            if len(asked) == 1:
                raise ConnectionError("reset by peer")
            return "paid"

        async def handler(_task: Task, context: TaskContext) -> Any:
            return await context.effect("pay", pay, in_doubt=in_doubt)

        (result,), recorded = await play(handler)
        assert (result.status, len(asked), len(set(asked))) == (status, calls, 1)
        assert recorded[1].body["error"] == "reset by peer"
        if status == "failed":
            assert "effect 'pay' was begun and its outcome is not on record" in result.error

    run()


@in_virtual_time
async def test_an_effect_that_surely_did_not_take_place_is_in_no_doubt() -> None:
    """Whoever knows says so by the error that is raised."""
    asked: list[str] = []

    def pay(key: str) -> str:
        asked.append(key)
        if len(asked) == 1:
            raise EffectNotDoneError("refused before anything was sent")
        return "paid"

    async def handler(_task: Task, context: TaskContext) -> Any:
        return await context.effect("pay", pay, in_doubt="fail")

    (result,), _ = await play(handler)
    assert (result.output, asked) == ("paid", ["r/t1/pay/1"] * 2)


@in_virtual_time
async def test_an_effect_cut_short_by_the_timeout_is_in_doubt() -> None:
    """It was begun, and nobody knows."""

    async def handler(_task: Task, context: TaskContext) -> Any:
        return await context.effect("pay", lambda _key: asyncio.sleep(20), in_doubt="fail")

    (result,), recorded = await play(handler)
    assert (result.status, result.attempts) == ("failed", 2)
    assert [envelope.topic for envelope in recorded] == ["effect.intended"]


@in_virtual_time
async def test_an_outcome_that_is_no_json_fails_the_task_and_is_not_caused_again() -> None:
    """It was done: doing it again because its answer cannot be recorded would be worse."""
    asked: list[str] = []

    def pay(key: str) -> object:
        asked.append(key)
        return object()

    async def handler(_task: Task, context: TaskContext) -> Any:
        try:
            return await context.effect("pay", pay)
        except NotJsonError:
            return await context.effect("pay", pay, key="r/t1/pay/1")

    (result,), recorded = await play(handler)
    assert (result.status, len(asked)) == ("failed", 1)
    assert "what the effect returned was refused" in result.error
    assert recorded[1].body["refused"]


@in_virtual_time
async def test_an_agent_error_from_an_effect_ends_the_task_at_once() -> None:
    """As anywhere in a handler."""

    def pay(_key: str) -> None:
        raise AgentError("the account is closed")

    async def handler(_task: Task, context: TaskContext) -> Any:
        return await context.effect("pay", pay)

    (result,), _ = await play(handler)
    assert (result.status, result.attempts, result.error) == ("failed", 1, "the account is closed")


@in_virtual_time
async def test_receipts_of_tasks_that_have_ended_are_forgotten() -> None:
    """A long run does not grow with them."""

    async def handler(_task: Task, context: TaskContext) -> Any:
        return await context.effect("mail", lambda key: key)

    async with make([ScriptedAgent("a", [handler])]) as o:
        for _ in range(20):
            await (await o.submit("a")).result()
        assert o._parts.effects._receipts == {}


async def test_a_handler_called_by_hand_performs_its_effects(tmp_path: Path) -> None:
    """Without a run there is nothing to record; agents can be tested as they are."""
    context = TaskContext(Task("t", "a"), workspace=tmp_path)
    assert await context.effect("mail", lambda key: key) == "mail"
    assert await context.effect("mail", lambda key: key, key="k") == "k"


@pytest.mark.parametrize(
    ("topic", "more", "receipt"),
    [
        ("effect.intended", {}, Receipt("intended", since="1")),
        ("effect.raised", {"error": "x", "undone": False}, Receipt("raised", since="1")),
        ("effect.raised", {"error": "x", "undone": True}, Receipt("undone", since="1")),
        ("effect.done", {"output": [1]}, Receipt("done", [1])),
        ("effect.done", {"output": None, "refused": "why"}, Receipt("done", None, "why")),
    ],
)
def test_a_receipt_is_read_back_as_it_was(topic: str, more: dict[str, Any], receipt: Receipt) -> None:
    """From the envelope that is in the journal."""
    envelope = Envelope("1", topic, "t", "", 0.0, {"effect": "e", "key": "k", **more})
    assert receipt_of(envelope) == (("e", "k"), receipt)
