"""What people say is recorded, and said again in a replay at the same point, without asking them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent import adopt
from orchestrator.context import TaskContext
from orchestrator.errors import AnswerError
from orchestrator.inbox import Reply
from orchestrator.journal import JournalReader
from orchestrator.messages import Envelope, Task
from orchestrator.plan import Plan
from orchestrator.policy import Policy
from orchestrator.testing import FixedRouter
from scenarios.cassette import load_cassette
from scenarios.divergence import compare
from scenarios.errors import RecordingError
from scenarios.fork import fork
from scenarios.loader import load_scenarios
from scenarios.mailbox import deliver
from scenarios.promotion import promote_run
from scenarios.recording import Recorded
from scenarios.redacting import new_redactor, redactor_of
from scenarios.rehearsal import Variation, rehearse
from scenarios.replayed import replay
from scenarios.runner import run_scenario
from scenarios.track import MemoryTrack
from tests.orchestrator.isolated_agents import plain_payer
from tests.scenarios.recorded_agents import Reader, Studio, World


class People:
    """Answer by task, each after a pause of his own; count how often they were asked."""

    def __init__(self, says: Mapping[str, str]) -> None:
        self.asked, self._says = list[str](), says

    async def ask(self, asked: Envelope) -> Reply:
        """Say what is to be said."""
        self.asked.append(asked.correlation_id)
        await asyncio.sleep(0.004 / len(self.asked))  # the first who is asked comes last
        return Reply(self._says[asked.correlation_id], by="Ann")


def clerk(world: World, name: str = "clerk", question: str = "Pay?") -> Reader:
    """Return an agent that reads, asks, and reads again what it says depends on."""

    async def handle(task: Task, context: TaskContext) -> Any:
        seen = await context.read("rate", world.ask)
        said = await context.ask(question, options=("yes", "no"))
        paid = await context.effect("pay", lambda key: key) if said == "yes" else None
        return {"seen": seen, "said": said, "paid": paid is not None, "at": context.clock.now(), "for": task.id}

    return Reader(name, handle)


PLAN = Plan("bills", tuple(Task(name, "pay", agent="clerk") for name in ("acme", "bolt", "corn")))
SAYS = {"acme": "yes", "bolt": "no", "corn": "yes"}


def test_what_people_said_is_said_again_byte_for_byte(tmp_path: Path) -> None:
    """To each task its own answer, in the order in which they came; nobody is asked again."""
    studio, world, people = Studio(tmp_path), World(), People(SAYS)
    recorded = studio.record([clerk(world)], PLAN, ask=people.ask)
    assert {name: result.output["said"] for name, result in recorded.results.items()} == SAYS
    asked = list(people.asked)
    for _ in range(2):
        replayed = studio.replay(recorded, [clerk(world)])
        assert replayed.journal == studio.rows(recorded)
        assert (replayed.misses, replayed.unused) == ((), ())
    assert people.asked == asked
    assert [one.source for one in load_cassette(recorded.cassette).recordings].count("person") == 3
    assert b'"by":"Ann"' in studio.rows(recorded)


def test_threads_and_processes_ask_as_well(tmp_path: Path) -> None:
    """A plain `def` handler, and one in a process of its own, have the answer from the record at the same point."""

    class Threaded(Reader):
        def handle(self, task: Task, context: TaskContext) -> Any:
            return [context.blocking.ask("Pay?"), context.blocking.ask("How much?", options=())]

    studio, people = Studio(tmp_path), People({"task-threaded": "yes", "task-plain-payer": "me"})
    agents = [Threaded("threaded", lambda *_: None), plain_payer]
    recorded = studio.record(agents, ask=people.ask)
    assert recorded.results["task-threaded"].output == ["yes", "yes"]
    assert recorded.results["task-plain-payer"].output[1] == "me"
    assert studio.replay(recorded, agents).journal == studio.rows(recorded)


def test_who_is_to_do_what_the_router_abstained_on_is_recorded(tmp_path: Path) -> None:
    """The task goes to whom a person named, in the replay as well."""
    studio, people = Studio(tmp_path), People({"odd": "clerk"})
    studio.settings = studio.settings.model_copy(update={"when_abstained": "ask"})

    async def handle(_task: Task, _context: TaskContext) -> Any:
        return "done"

    recorded = studio.record([Reader("clerk", handle)], Plan("odd", (Task("odd", "zzz"),)), ask=people.ask)
    assert recorded.results["odd"].agent == "clerk"
    assert studio.replay(recorded, [Reader("clerk", handle)]).journal == studio.rows(recorded)


def test_another_question_is_shown_beside_the_recorded_one(tmp_path: Path) -> None:
    """Nobody is there to answer it: the replay ends there, and says what is missing."""
    studio, world, people = Studio(tmp_path), World(), People({"task-clerk": "yes"})
    recorded = studio.record([clerk(world)], ask=people.ask)
    replayed = studio.replay(recorded, [clerk(world, question="Pay twice?")])
    (miss,) = replayed.misses
    assert (miss.source, miss.request["question"]) == ("person", "Pay twice?")
    assert miss.nearest is not None
    assert miss.nearest.request["question"] == "Pay?"
    assert replayed.rows[-1].envelope.topic == "task.asked"
    assert replayed.results == {}


def test_a_person_answers_from_another_process(tmp_path: Path) -> None:
    """What is put into the mailbox of the run comes into it; only the first answer counts; nothing is left over."""
    studio, world, refused = Studio(tmp_path), World(), list[str]()
    folder = tmp_path / "cassettes"

    def on_row(envelope: Envelope) -> None:
        if envelope.topic == "task.asked":
            about = (folder, "march", "task-clerk", envelope.id)
            assert deliver(*about, Reply("no", by="Ann"))
            with pytest.raises(AnswerError) as error:
                deliver(*about, Reply("yes", by="Bob"))
            refused.append(str(error.value))

    recorded = studio.record([clerk(world)], run="march", on_row=on_row)
    assert recorded.results["task-clerk"].output["said"] == "no"
    assert refused == ["task 'task-clerk': somebody answered already; the first answer counts"]
    assert studio.replay(recorded, [clerk(world)]).journal == studio.rows(recorded)
    assert not deliver(folder, "march", "task-clerk", "9", Reply("yes"))
    assert sorted(path.name for path in folder.iterdir()) == ["march.cassette.jsonl"]


def test_an_answer_that_is_none_of_the_options_ends_the_recording(tmp_path: Path) -> None:
    """As it is refused in any run."""
    with pytest.raises(AnswerError, match="'perhaps' is none of its options"):
        Studio(tmp_path).record([clerk(World())], ask=People({"task-clerk": "perhaps"}).ask)


def test_secrets_in_questions_and_answers_are_nowhere_and_the_agent_has_them(tmp_path: Path) -> None:
    """People who know the question from the journal name a redacted option, and mean the real one."""
    studio, iban = Studio(tmp_path), "DE89370400440532013000"
    digests: list[str] = []

    async def handle(_task: Task, context: TaskContext) -> Any:
        account = await context.ask(f"Pay to {iban}?", options=(iban, "none"))
        note = await context.ask("What for?", options=())
        digests.append(hashlib.sha256(f"{account} {note}".encode()).hexdigest())
        return {"account": account, "note": note}

    redactor = new_redactor("default", tmp_path, {})
    assert redactor is not None

    async def ask(asked: Envelope) -> Reply:
        options = redactor(list(asked.body["options"]))
        return Reply(options[0] if options else "call +49 30 901820")

    agents = [Reader("payer", handle)]
    recorded = studio.record(agents, redact=redactor, ask=ask)
    assert digests == [hashlib.sha256(f"{iban} call +49 30 901820".encode()).hexdigest()] * len(digests)
    written = studio.rows(recorded) + recorded.cassette.read_bytes()
    assert iban.encode() not in written
    assert b"901820" not in written
    tape = load_cassette(recorded.cassette)
    redact = redactor_of(tape, tmp_path, {})
    again = replay(tape, agents=[adopt(one) for one in agents], router=FixedRouter(), redact=redact)
    assert again.journal == studio.rows(recorded)


def test_a_rehearsal_has_the_answers_of_a_cassette(tmp_path: Path) -> None:
    """As `doctor --determinism` wants them; without one nobody is there to be asked, and that is said."""

    async def handle(_task: Task, context: TaskContext) -> Any:
        return await context.ask("Pay?")

    studio, agents = Studio(tmp_path), [adopt(Reader("clerk", handle))]
    recorded = studio.record(agents, PLAN, ask=People(SAYS).ask)
    about = (PLAN, studio.settings, agents, Variation())
    done = rehearse(*about, router=FixedRouter(), cassette=load_cassette(recorded.cassette))
    assert {name: output for name, (_, _, output, _) in done.results.items()} == SAYS
    with pytest.raises(RecordingError, match="what they say is in no cassette here"):
        rehearse(*about, router=FixedRouter())


def _rows(studio: Studio, run: str) -> list[Any]:
    with JournalReader(studio.settings.journal) as reader:
        return list(reader.rows(run=run))


def _fork(studio: Studio, recorded: Recorded, topic: str, task: str, people: People, world: World, **more: Any) -> Any:
    rows = _rows(studio, recorded.run)
    at = next(row.sequence for row in rows if (row.envelope.topic, row.envelope.correlation_id) == (topic, task))
    cassette, agents = load_cassette(recorded.cassette), [adopt(clerk(world))]
    forked = fork(cassette, rows, at, studio.settings, agents=agents, router=FixedRouter(), ask=people.ask, **more)
    before, after = (MemoryTrack(_rows(studio, run), run) for run in (recorded.run, forked.run))
    found = compare(before, after, timing=0.0, origins=("", recorded.run)).divergences
    return forked, {one.task for one in found if one.task}  # the run itself may end later


def test_a_fork_asks_people_again_where_they_are_asked_after_its_point(tmp_path: Path) -> None:
    """And has the recorded answers elsewhere."""
    studio, world = Studio(tmp_path), World()
    recorded = studio.record([clerk(world)], PLAN, ask=People(SAYS).ask)
    others = People(dict.fromkeys(SAYS, "no"))
    forked, differ = _fork(studio, recorded, "task.asked", "corn", others, world)
    assert others.asked == ["corn"]
    assert {name: result.output["said"] for name, result in forked.results.items()} == {**SAYS, "corn": "no"}
    assert differ == {"corn"}
    assert studio.replay(Recorded(forked.run, forked.cassette, 0, {}), [clerk(world)]).journal == studio.rows(
        Recorded(forked.run, forked.cassette, 0, {})
    )


def test_a_fork_goes_on_from_another_answer(tmp_path: Path) -> None:
    """Nobody is asked again; another answer has other consequences; one that is no option is refused."""
    studio, world = Studio(tmp_path), World()
    recorded = studio.record([clerk(world)], PLAN, ask=People(SAYS).ask)
    about: Any = (studio, recorded, "task.answered", "bolt", People({}), world)
    forked, differ = _fork(*about, changes=[("/answer", "yes")])
    assert {name: result.output["said"] for name, result in forked.results.items()} == {**SAYS, "bolt": "yes"}
    assert differ == {"bolt"}
    with pytest.raises(AnswerError, match="none of its options"):
        _fork(*about, changes=[("/answer", "perhaps")])
    with pytest.raises(RecordingError, match=r"/answer of task\.answered"):
        _fork(*about, changes=[("/by", "Bob")])


def test_a_recorded_run_with_answers_becomes_a_scenario(tmp_path: Path) -> None:
    """Whose people are those of the cassette, unless it gives others."""
    studio, world = Studio(tmp_path), World()
    recorded = studio.record([clerk(world)], PLAN, ask=People(SAYS).ask)
    into = tmp_path / "bills.scenario.yaml"
    promote_run(load_cassette(recorded.cassette), (row.envelope for row in _rows(studio, recorded.run)), into)
    (scenario,) = load_scenarios(into)
    result = run_scenario(scenario, agents=[adopt(clerk(world))], router=FixedRouter)
    assert (result.verdict, result.error, result.astray) == ("passed", "", ())


def test_a_policy_that_limits_the_time_of_an_attempt_does_not_limit_people(tmp_path: Path) -> None:
    """An attempt that waits for a person has ended."""
    studio, world = Studio(tmp_path), World()
    hasty = clerk(world)
    hasty.card = hasty.card.model_copy(update={"policy": Policy(timeout_s=0.05)})

    async def late(_asked: Envelope) -> Reply:
        await asyncio.sleep(0.1)
        return Reply("yes")

    recorded = studio.record([hasty], ask=late)
    assert recorded.results["task-clerk"].ok
