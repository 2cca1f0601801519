import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.context import TaskContext
from orchestrator.conversation import converse
from orchestrator.errors import EffectNotDoneError
from orchestrator.frames import pack
from orchestrator.inbox import open_questions
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter
from tests.orchestrator import isolated_agents as them
from tests.orchestrator.test_isolation import real

#: Deed, policy in doubt; then status, attempts, output or error, how often the ledger was written, what is on record.
PAYMENTS = [
    ("pay", "again", "completed", 2, "paid", 1, ["intended", "done"]),
    ("die", "again", "completed", 2, "paid", 2, ["intended", "raised", "intended", "done"]),
    (
        "doubt",
        "fail",
        "failed",
        2,
        "effect 'pay' was begun",
        1,
        ["intended", "raised"],
    ),
    ("undone", "fail", "completed", 2, "paid", 2, ["intended", "raised", "intended", "done"]),
    ("odd", "again", "failed", 1, "what the agent gave back was refused: what the effect", 1, ["intended", "done"]),
    ("both", "again", "completed", 1, ["paid", "paid"], 2, ["intended", "done", "intended", "done"]),
    ("nest", "again", "failed", 1, "effect 'inner' within effect 'outer'", 0, ["intended", "raised"]),
]


async def test_effects_of_an_isolated_handler_keep_the_promise_of_all_effects(tmp_path: Path) -> None:
    """On record here before they happen there, and what came of them after, whatever becomes of the process."""
    async with real(them.payer) as o:
        for number, (deed, in_doubt, *expected) in enumerate(PAYMENTS):
            ledger = tmp_path / str(number)
            payload = {"deed": deed, "in_doubt": in_doubt, "ledger": str(ledger)}
            result = await (await o.submit("payer", id=f"t{number}", payload=payload)).result()
            written = ledger.read_text().split() if ledger.exists() else []
            said = result.output if result.ok else result.error[: len(str(expected[2]))]
            recorded = [topic.removeprefix("effect.") for topic in _topics(o, f"t{number}") if "effect" in topic]
            assert [result.status, result.attempts, said, len(written), recorded] == expected, (deed, result)
            assert deed == "both" or len(set(written)) <= 1, "the same key each time"


async def test_an_isolated_handler_waits_for_a_person_without_its_process(tmp_path: Path) -> None:
    """That serves others meanwhile; the handler runs again from its beginning, its effects do not."""
    async with real(them.payer) as o:
        ledger = tmp_path / "ledger"
        ticket = await o.submit("payer", id="t", payload={"deed": "ask", "ledger": str(ledger)})
        await _answered(o, "t", "Ann")
        result = await ticket.result()
        assert (result.output[0], result.attempts) == ("Ann", 1)
        assert o._supervisor._runners["payer"].handling._isolation.pids == (result.output[1],)  # type: ignore[union-attr] # it is isolated
        assert ledger.read_text().split() == ["r/t/pay/1"]


async def test_a_plain_function_in_a_process_has_effects_asks_and_adds() -> None:
    """By `context.blocking`, as in a thread."""
    async with real(them.plain_payer) as o:
        ticket = await o.submit("plain-payer", id="p")
        await _answered(o, "p", "me")
        assert (await ticket.result()).output == ["r/p/pay/1", "me"]
        assert o._graph.task("p/1").agent == "nobody"


async def test_an_effect_cut_off_by_the_time_of_its_process_is_in_doubt() -> None:
    """The process cancels its handler itself, and says so instead of how the effect went."""
    async with real(them.late_payer) as o:
        result = await (await o.submit("late-payer", id="t")).result()
        assert (result.status, result.attempts) == ("failed", 2)
        assert _topics(o, "t").count("effect.raised") == 1


async def test_a_run_that_ends_between_intent_and_outcome_goes_on_with_the_same_key(tmp_path: Path) -> None:
    """The process dies with its run; the next life performs the effect again, as for any handler."""
    ledger = tmp_path / "ledger"
    rows = []
    async with real(them.payer) as o:
        await (await o.submit("payer", id="t", payload={"deed": "pay", "ledger": str(ledger)})).result()
        for row in o._journal.rows:  # type: ignore[attr-defined] # it is in memory
            rows.append(row)
            if row.envelope.topic == "effect.intended":
                break
    journal = MemoryJournal("r")
    journal.rows = rows
    settings = Settings(log_format="off")
    async with Orchestrator.resume("r", settings, agents=[them.payer], router=FixedRouter(), journal=journal) as again:
        assert (await again.results())["t"].output == "paid"
    assert Counter(ledger.read_text().split()) == {"r/t/pay/1": 2}


async def test_what_is_wanted_and_not_to_be_had_is_refused() -> None:
    """A process that speaks another language is told so; the handler gives up."""
    told = []

    async def turn(frame: bytes) -> dict[str, Any]:
        told.append(frame)
        return {"want": "the moon"} if len(told) == 1 else {"output": 7}

    assert await converse(b"call", TaskContext(Task("t", "x")), turn) == {"output": 7}
    assert told == [b"call", pack({"gave_up": "there is no 'the moon' to be had"})]


async def test_a_function_that_raised_there_raises_there_again() -> None:
    """Here it only is on record, with whether it surely did not take place."""
    seen: list[BaseException] = []

    class Records:
        async def perform(self, name: str, function: Any, key: str, in_doubt: Any) -> Any:
            try:
                await function("k")
            except Exception as error:
                seen.append(error)
                raise

    turns: Iterator[dict[str, Any]] = iter(
        [
            {"want": "effect", "name": "pay", "key": "", "in_doubt": "again"},
            {"want": "settle", "raised": "not sent", "undone": True, "fault": {"text": "not sent"}},
            {"output": 1},
        ]
    )
    told = []

    async def turn(frame: bytes) -> dict[str, Any]:
        told.append(frame)
        return next(turns)

    await converse(b"call", TaskContext(Task("t", "x"), effects=Records()), turn)
    assert isinstance(seen[0], EffectNotDoneError)
    assert str(seen[0]) == "not sent"
    assert told[1:] == [pack({"do": "k"}), pack({"raised": {"text": "not sent"}})]


def _topics(o: Orchestrator, task: str) -> list[str]:
    assert isinstance(o._journal, MemoryJournal)
    return [row.envelope.topic for row in o._journal.select(task=task)]


async def _answered(o: Orchestrator, task: str, answer: str) -> None:
    """Answer what a task asks, as soon as it does."""
    assert isinstance(o._journal, MemoryJournal)
    while not open_questions(o._journal.select):  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0.005)
    await o.answer(task, answer)
