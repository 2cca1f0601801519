import asyncio
from collections import Counter
from typing import Any

import pytest

from orchestrator.clock import run_virtual
from orchestrator.context import Parked, TaskContext
from orchestrator.errors import AgentError, AnswerError
from orchestrator.inbox import open_questions
from orchestrator.journal import MemoryJournal, Row
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.policy import Policy, Retry
from orchestrator.testing import ScriptedAgent, in_virtual_time, until_blocked
from tests.orchestrator.runs import make
from tests.orchestrator.test_resumption import Ledger, done_by, reopened, resume, topics

SINGLE = Policy(concurrency=1, retry=Retry(max_attempts=4))


class Payer:
    """Reserves, asks whether to pay, and pays if it may; everything that it does is an effect."""

    def __init__(self, ledger: Ledger) -> None:
        self.card = ScriptedAgent("a", policy=SINGLE).card
        self.ledger = ledger

    async def handle(self, task: Task, context: TaskContext) -> Any:
        await context.effect("reserve", self.ledger.book)
        if await context.ask(f"pay for {task.id}?") == "no":
            return "not paid"
        who = await context.ask("from which account?", ("main", "other"))
        await context.effect("pay", self.ledger.book)
        return f"paid from {who}"


async def answer_all(o: Orchestrator, journal: MemoryJournal) -> None:
    """Answer whatever is asked until nothing is, as a person does who sees the inbox."""
    await _settled()
    while waiting := open_questions(journal.select):
        for posed in waiting:
            said = "no" if posed.task == "t2" else posed.asked.question.options[0]
            await o.answer(posed.task, said, by="me")
        await _settled()


async def _settled() -> None:
    for _ in range(3):
        await until_blocked()


async def whole() -> tuple[list[Row], dict[str, Any]]:
    journal = MemoryJournal("r")
    async with make([Payer(Ledger())], journal) as o:
        await o.submit("a", id="t1")
        await o.submit("a", id="t2")
        await o.submit("a", id="t3", after="t1")
        await answer_all(o, journal)
        return journal.rows[:], await o.results()


ROWS, RESULTS = run_virtual(whole())
FIRST = next(at for at, row in enumerate(ROWS) if row.envelope.topic == "task.routed") + 3


def test_a_task_asks_waits_and_goes_on_with_the_answer() -> None:
    """The handler runs from its beginning, its effects do not."""
    assert {name: result.output for name, result in RESULTS.items()} == {
        "t1": "paid from main",
        "t2": "not paid",
        "t3": "paid from main",
    }
    assert {result.attempts for result in RESULTS.values()} == {1}, "to wait for a person is no attempt"
    assert set(done_by(ROWS).done.values()) == {1}


@pytest.mark.parametrize("cut", range(FIRST, len(ROWS) + 1))
def test_a_run_with_questions_that_crashed_after_any_row_goes_on_to_the_same_end(cut: int) -> None:
    """Nothing is done twice, no question is asked again, whichever row was the last one safe."""

    async def go_on() -> None:
        journal, ledger = reopened(ROWS[:cut]), done_by(ROWS[:cut])
        async with resume([Payer(ledger)], journal) as o:
            await answer_all(o, journal)
            results = await o.results()
        assert {n: r.output for n, r in results.items()} == {n: r.output for n, r in RESULTS.items()}
        assert set(ledger.done.values()) == {1}
        asked = Counter(
            (row.envelope.correlation_id, row.envelope.body["key"]) for row in journal.select(topics=("task.asked",))
        )
        assert set(asked.values()) == {1}, "each question is asked once"

    run_virtual(go_on())


@in_virtual_time
async def test_a_task_that_waits_holds_no_worker() -> None:
    """An agent with one worker asks for twenty tasks at once."""
    journal = MemoryJournal("r")
    async with make([Payer(Ledger())], journal) as o:
        for number in range(20):
            await o.submit("a", id=f"q{number}")
        await _settled()
        assert len(open_questions(journal.select)) == 20
        assert o._supervisor.in_flight() == []
        await answer_all(o, journal)
        assert all(result.ok for result in (await o.results()).values())


@in_virtual_time
async def test_a_resumed_task_stays_parked_until_it_is_answered() -> None:
    """Its handler is not run, its question not asked again; the command says what it waits for."""
    cut = next(at for at, row in enumerate(ROWS) if row.envelope.topic == "task.answered")
    journal = reopened(ROWS[:cut])
    started = len(list(journal.select(topics=("task.started",))))
    async with resume([Payer(done_by(ROWS[:cut]))], journal, ()) as o:
        await _settled()
        assert len(list(journal.select(topics=("task.started",)))) == started
        assert {
            row.envelope.body.get("asked", "") != "" for row in journal.rows[cut:] if row.envelope.topic == "agent.a"
        } == {True}
        await answer_all(o, journal)
        await o.results()


@pytest.mark.parametrize(
    ("task", "answer", "key", "problem"),
    [
        ("t1", "yse", "", r"'yse' is none of its options; did you mean 'yes'\? known: no, yes"),
        ("t1", "yes", "2", "it asks under the key '1', not '2'"),
        ("t9", "yes", "", "it is not in run 'r'; known: t1, t3"),
        ("t3", "yes", "", "it asks nothing"),
    ],
)
def test_what_is_no_answer_is_refused(task: str, answer: str, key: str, problem: str) -> None:
    """Nothing is on record then; the error names the task and what would do."""

    async def go() -> None:
        journal = MemoryJournal("r")
        async with make([Payer(Ledger())], journal, drain_s=0) as o:
            await o.submit("a", id="t1")
            await o.submit("a", id="t3", after="t1")
            await _settled()
            with pytest.raises(AnswerError, match=f"task '{task}': {problem}"):
                await o.answer(task, answer, key=key)
            assert not list(journal.select(topics=("task.answered",)))

    run_virtual(go())


@in_virtual_time
async def test_a_second_answer_is_refused() -> None:
    """It says who answered what, and when."""
    journal = MemoryJournal("r")
    async with make([Payer(Ledger())], journal) as o:
        await o.submit("a", id="t1")
        await _settled()
        await o.answer("t1", "no", by="Ann")
        with pytest.raises(AnswerError, match="Ann answered 'no' at 2026-01-05 09:00:00 UTC already"):
            await o.answer("t1", "yes")
        assert (await o.results())["t1"].output == "not paid"


@in_virtual_time
async def test_a_handler_that_catches_everything_still_waits() -> None:
    """`except Exception` does not see it, and whatever catches more is overruled."""

    async def greedy(_task: Task, context: TaskContext) -> str:
        try:
            return await context.ask("may I?")
        except BaseException:  # noqa: BLE001 - that is what it is about
            return "I did not ask"

    journal = MemoryJournal("r")
    async with make([ScriptedAgent("a", [greedy])], journal) as o:
        await o.submit("a", id="t1")
        await _settled()
        await o.answer("t1", "yes")
        assert (await o.results())["t1"].output == "yes"
    assert not issubclass(Parked, Exception)


@in_virtual_time
async def test_questions_in_a_task_group_are_asked_one_after_the_other() -> None:
    """Each under its key."""

    async def both(_task: Task, context: TaskContext) -> list[str]:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(_ask(context, key)) for key in ("x", "y")]
        return [one.result() for one in asked]

    async def _ask(context: TaskContext, key: str) -> str:
        return await context.ask(f"{key}?", (), key=key)

    journal = MemoryJournal("r")
    async with make([ScriptedAgent("a", [both])], journal) as o:
        await o.submit("a", id="t1")
        for _ in range(2):
            await _settled()
            (posed,) = open_questions(journal.select)
            await o.answer("t1", f"any text for {posed.asked.question.key}")
        assert (await o.results())["t1"].output == ["any text for x", "any text for y"]


@in_virtual_time
async def test_other_words_under_the_same_key_are_asked_anew() -> None:
    """An answer stands for the question that it was given to."""
    amounts = iter((4000, 9000, 9000))

    async def pay(_task: Task, context: TaskContext) -> str:
        return await context.ask(f"pay {next(amounts)} EUR?")

    journal = MemoryJournal("r")
    async with make([ScriptedAgent("a", [pay])], journal) as o:
        await o.submit("a", id="t1")
        await _settled()
        await o.answer("t1", "yes")
        await _settled()
        (posed,) = open_questions(journal.select)
        assert posed.asked.question.text == "pay 9000 EUR?"
        await o.answer("t1", "no")
        assert (await o.results())["t1"].output == "no"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(("",), "a question is a text"), (("x?", "yes"), "give texts"), (("x?", ("a", "a")), "not all different")],
)
def test_what_is_no_question_fails_the_task(arguments: Any, problem: str) -> None:
    """At once: asking again would not help."""

    async def go() -> None:
        async with make([ScriptedAgent("a", [lambda _task, context: context.ask(*arguments)])]) as o:
            await o.submit("a", id="t1")
            # A scripted agent awaits coroutines only.
            result = (await o.results())["t1"]
        assert (result.status, result.attempts) == ("failed", 1)
        assert problem in result.error

    run_virtual(go())


def test_a_handler_in_a_thread_cannot_await() -> None:
    """There is no loop there to wait in; the error says what to do."""
    with pytest.raises(AgentError, match=r"it has `context\.blocking\.ask`"):
        TaskContext(Task("t", "x")).ask("may I?")


@in_virtual_time
async def test_outside_a_run_nobody_can_be_asked() -> None:
    """A handler called by hand in a test says so."""
    with pytest.raises(AgentError, match="nobody can be asked outside a run"):
        await TaskContext(Task("t", "x")).ask("may I?")


class InDoubt:
    """Does one effect, which ends the process the first time; then asks."""

    def __init__(self, ledger: Ledger) -> None:
        self.card = ScriptedAgent("a", policy=Policy(retry=Retry(max_attempts=3))).card
        self.ledger = ledger

    async def handle(self, task: Task, context: TaskContext) -> Any:
        return await context.effect("send", self.ledger.book, key="k", in_doubt="ask")


@pytest.mark.parametrize(
    ("said", "output", "done", "expected"),
    [
        ("yes", None, 0, None),
        ("yes", {"id": 7}, 0, {"id": 7}),
        ("no", None, 1, "receipt of k"),
        ("again", None, 1, "receipt of k"),
    ],
)
def test_a_person_says_whether_an_effect_in_doubt_took_place(said: str, output: Any, done: int, expected: Any) -> None:
    """With `yes` it has a receipt, else it is done once more."""

    async def go() -> None:
        first = MemoryJournal("r")
        async with make([InDoubt(Ledger())], first) as o:
            await o.submit("a", id="t1")
            await o.results()
        cut = next(at for at, row in enumerate(first.rows) if row.envelope.topic == "effect.intended") + 1
        journal, ledger = reopened(first.rows[:cut]), Ledger()
        async with resume([InDoubt(ledger)], journal) as o:
            await _settled()
            (posed,) = open_questions(journal.select)
            assert (posed.kind, posed.asked.question.text) == ("effect", "did send (key k) take place?")
            await o.answer("t1", said, output=output)
            assert (await o.results())["t1"].output == expected
        assert ledger.done["k"] == done
        assert topics(journal, "t1").count("effect.done") == 1

    run_virtual(go())


@pytest.mark.parametrize("said", ["b", "nobody"])
@pytest.mark.parametrize("crash", [False, True])
def test_people_say_who_is_to_do_what_the_router_abstained_on(said: str, crash: bool) -> None:  # noqa: FBT001
    """An agent gets the task as a person decided; `nobody` ends it as abstained. A crash meanwhile changes nothing."""

    async def go() -> None:
        agents, journal = [ScriptedAgent("b", ["done"]), ScriptedAgent("c")], MemoryJournal("r")
        if crash:
            async with make(agents, journal, when_abstained="ask", drain_s=0) as o:
                await o.submit("zzz", id="t1")
                await _settled()
            journal = reopened(journal.rows)
        async with _open(agents, journal, crash=crash) as o:
            if not crash:
                await o.submit("zzz", id="t1")
            await _settled()
            (posed,) = open_questions(journal.select)
            assert (posed.kind, posed.asked.question.options) == ("agent", ("b", "c", "nobody"))
            with pytest.raises(AnswerError, match="none of its options"):
                await o.answer("t1", "d")
            await o.answer("t1", said, by="Ann")
            result = (await o.results())["t1"]
        if said == "nobody":
            assert (result.status, result.error) == ("abstained", "the router abstained, and Ann did, too")
        else:
            assert (result.agent, result.output) == ("b", "done")
            (routed,) = journal.select(topics=("task.routed",))
            assert routed.envelope.body["decision"]["policy"] == "answered"

    run_virtual(go())


def _open(agents: list[Any], journal: MemoryJournal, *, crash: bool) -> Orchestrator:
    if not crash:
        return make(agents, journal, when_abstained="ask")
    resumed = resume(agents, journal)
    resumed.settings = resumed.settings.model_copy(update={"when_abstained": "ask"})
    return resumed
