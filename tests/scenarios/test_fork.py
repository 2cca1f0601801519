from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent import adopt
from orchestrator.context import TaskContext
from orchestrator.inbox import Reply
from orchestrator.journal import JournalReader, Row
from orchestrator.messages import Envelope, Task
from orchestrator.plan import Plan
from orchestrator.testing import FixedRouter
from router import KeywordRouter
from scenarios.cassette import load_cassette
from scenarios.divergence import compare
from scenarios.errors import RecordingError
from scenarios.fork import Forked, fork
from scenarios.promotion import promote_run
from scenarios.recording import Recorded, record
from scenarios.replayed import replay
from scenarios.track import MemoryTrack
from tests.orchestrator.isolated_agents import plain_payer
from tests.scenarios.recorded_agents import Reader, Studio, World


class Family:
    """A run whose first task adds another one that reads three times, and its forks."""

    def __init__(self, folder: Path) -> None:
        self.studio, self.world, self.done = Studio(folder), World(), list[str]()
        self.plan = Plan("family", (Task("root", "plan it", agent="planner"), Task("aside", "ask", agent="reader")))

    def agents(self) -> list[Any]:
        async def plans(_task: Task, context: TaskContext) -> Any:
            context.add_task("read it", id="child", agent="reader")
            return {"said": await context.read("llm", self.world.ask)}

        async def reads(task: Task, context: TaskContext) -> Any:
            said = [await context.read("llm", self.world.ask, request=number) for number in range(3)]
            paid = await context.effect("pay", self.done.append) if task.id == "child" else None
            return {"said": said, "paid": paid, "id": context.new_id()}

        return [adopt(Reader("planner", plans)), adopt(Reader("reader", reads))]

    def record(self) -> Recorded:
        return self.studio.record(self.agents(), self.plan)

    def rows(self, run: str) -> list[Row]:
        with JournalReader(self.studio.settings.journal) as reader:
            return list(reader.rows(run=run))

    def fork(self, recorded: Recorded, at: int, **more: Any) -> Forked:
        cassette, rows = load_cassette(recorded.cassette), self.rows(recorded.run)
        return fork(cassette, rows, at, self.studio.settings, agents=self.agents(), router=FixedRouter(), **more)

    def place(self, run: str, topic: str, task: str) -> int:
        found = [row for row in self.rows(run) if (row.envelope.topic, row.envelope.correlation_id) == (topic, task)]
        return found[0].sequence


@pytest.fixture
def family(tmp_path: Path) -> Family:
    return Family(tmp_path)


def test_a_fork_inside_a_task_that_an_agent_added_asks_nobody_before_its_point(family: Family) -> None:
    """The rows up to it are its parent's; what it asks for itself comes after; the parent stays byte for byte."""
    recorded = family.record()
    before, tape = family.studio.rows(recorded), recorded.cassette.read_bytes()
    asked = family.world.asked
    at = family.place(recorded.run, "task.started", "child")
    forked = family.fork(recorded, at)
    shared = [
        row.canonical.replace(recorded.run.encode(), b"RUN") for row in family.rows(recorded.run)[: forked.shared]
    ]
    own = [row.canonical.replace(forked.run.encode(), b"RUN") for row in family.rows(forked.run)[: forked.shared]]
    assert [one.replace(b'"run":"RUN"', b"") for one in own] == [one.replace(b'"run":"RUN"', b"") for one in shared]
    assert family.world.asked - asked == forked.asked - 1 > 0, "all but the effect, which is asked for as well"
    assert (family.studio.rows(recorded), recorded.cassette.read_bytes()) == (before, tape)
    assert forked.results["child"].output["said"] != recorded.results["child"].output["said"]


def test_what_differs_from_the_parent_descends_from_the_point(family: Family) -> None:
    """Tasks that had nothing to do with it, and whose reads were over, are the same."""
    recorded = family.record()
    at = family.place(recorded.run, "task.started", "child")
    forked = family.fork(recorded, at)
    tracks = MemoryTrack(family.rows(recorded.run)), MemoryTrack(family.rows(forked.run))
    found = compare(*tracks, origins=("", recorded.run))
    assert not found.same
    assert {one.task for one in found.divergences} == {"child"}


def test_another_answer_at_the_point_has_its_consequences(family: Family) -> None:
    """What is set stands in the row, and those who get the result get that."""
    recorded = family.record()
    at = family.place(recorded.run, "task.completed", "root")
    forked = family.fork(recorded, at, changes=[("/output/said", "something else")])
    assert forked.results["root"].output == {"said": "something else"}
    row = next(row for row in family.rows(forked.run) if row.envelope.topic == "task.completed")
    assert row.envelope.body["output"] == {"said": "something else"}


class Office:
    """A run whose tasks the router sends to clerks, and its forks."""

    def __init__(self, folder: Path) -> None:
        self.studio, self.world = Studio(folder), World()
        late = Task("late", "card was stolen", after=("loan",))
        self.plan = Plan(
            "office", (Task("card", "card was stolen"), Task("loan", "a loan please"), late, Task("odd", "zzz"))
        )

    def agents(self) -> list[Any]:
        async def handle(task: Task, context: TaskContext) -> Any:
            return {"read": await context.read("desk", self.world.ask), "for": task.id}

        made = [Reader("card-clerk", handle), Reader("loan-clerk", handle)]
        for one, example in zip(made, ("card was stolen", "a loan please"), strict=True):
            one.card = one.card.model_copy(update={"examples": (example,)})
        return [adopt(one) for one in made]

    def record(self) -> Recorded:
        return record(self.plan, self.studio.settings, agents=self.agents(), router=KeywordRouter())

    def rows(self, run: str) -> list[Row]:
        with JournalReader(self.studio.settings.journal) as reader:
            return list(reader.rows(run=run))

    def fork(self, recorded: Recorded, topic: str, task: str, agent: Any) -> Forked:
        rows = self.rows(recorded.run)
        at = next(one.sequence for one in rows if (one.envelope.topic, one.envelope.correlation_id) == (topic, task))
        about = (load_cassette(recorded.cassette), rows, at, self.studio.settings)
        return fork(*about, agents=self.agents(), router=KeywordRouter(), changes=[("/decision/chosen", agent)])


def test_another_agent_at_a_decision_gets_the_task(tmp_path: Path) -> None:
    """The fork goes on with it: nobody is asked before, the parent stays, only what descends from it differs."""
    office = Office(tmp_path)
    recorded = office.record()
    before, tape, asked = office.studio.rows(recorded), recorded.cassette.read_bytes(), office.world.asked
    forked = office.fork(recorded, "task.routed", "loan", "card-clerk")
    assert forked.results["loan"].agent == "card-clerk"
    assert forked.results["card"] == recorded.results["card"]
    assert office.world.asked - asked == forked.asked == 2, "the task itself, and the one that waits for it"
    assert (office.studio.rows(recorded), recorded.cassette.read_bytes()) == (before, tape)
    rows = [row.envelope for row in office.rows(forked.run)]
    decisions = {row.correlation_id: row.body["decision"] for row in rows if row.topic == "task.routed"}
    assert {name: (one["chosen"], one["policy"]) for name, one in decisions.items()} == {
        "card": ("card-clerk", "learned"),
        "loan": ("card-clerk", "replaced"),
        "late": ("card-clerk", "learned"),
    }
    assert decisions["loan"]["leader"] == decisions["loan"]["choice"] == "loan-clerk"
    parent, child = (MemoryTrack(office.rows(run), run) for run in (recorded.run, forked.run))
    found = compare(parent, child, timing=0.0, origins=("", recorded.run))
    assert {one.task for one in found.divergences if one.task} <= {"loan", "late"}
    first = next(one for one in found.divergences if one.task == "loan")
    assert first.kind == "decision-flipped"
    again = replay(load_cassette(forked.cassette), agents=office.agents(), router=KeywordRouter())
    assert again.journal == b"".join(bytes(row.canonical) + b"\n" for row in office.rows(forked.run))


def test_what_the_router_abstained_on_goes_to_an_agent(tmp_path: Path) -> None:
    """As if it had been chosen."""
    office = Office(tmp_path)
    recorded = office.record()
    assert recorded.results["odd"].status == "abstained"
    forked = office.fork(recorded, "task.abstained", "odd", "loan-clerk")
    assert (forked.results["odd"].status, forked.results["odd"].agent) == ("completed", "loan-clerk")
    nobody = "no agent 'lone-clerk' is registered at this point; did you mean 'loan-clerk'"
    with pytest.raises(RecordingError, match=nobody):
        office.fork(recorded, "task.abstained", "odd", "lone-clerk")
    with pytest.raises(RecordingError, match="no agent 3"):
        office.fork(recorded, "task.routed", "loan", 3)
    into = tmp_path / "odd.scenario.yaml"
    with pytest.raises(RecordingError, match="promote the run that it was forked from"):
        promote_run(load_cassette(forked.cassette), (row.envelope for row in office.rows(forked.run)), into)


def test_another_task_at_its_submission_is_another_run_from_there(family: Family) -> None:
    """Its request, payload or agent."""
    recorded = family.record()
    at = family.place(recorded.run, "task.submitted", "aside")
    forked = family.fork(recorded, at, changes=[("/task/payload", {"limit": 500})])
    (row,) = [
        row for row in family.rows(forked.run) if row.sequence == family.place(forked.run, "task.submitted", "aside")
    ]
    assert row.envelope.body["task"]["payload"] == {"limit": 500}
    assert forked.asked > 0


def test_an_effect_of_the_parent_has_the_same_key_in_the_fork(family: Family) -> None:
    """So a service that honours keys does not do again what the parent did after the point."""
    recorded = family.record()
    family.fork(recorded, family.place(recorded.run, "task.started", "child"))
    first, again = family.done
    assert first == again


def test_without_a_world_the_parents_cassette_answers_what_it_can(family: Family) -> None:
    """Nobody is asked; a fork that changes nothing is its parent again."""
    recorded = family.record()
    asked = family.world.asked
    forked = family.fork(recorded, family.place(recorded.run, "task.started", "child"), live=False)
    assert (forked.asked, family.world.asked) == (0, asked)
    tracks = MemoryTrack(family.rows(recorded.run)), MemoryTrack(family.rows(forked.run))
    found = compare(*tracks, timing=0.0, origins=("", recorded.run))
    assert found.same


def test_a_fork_can_be_replayed_and_forked_like_any_recorded_run(family: Family) -> None:
    """Its cassette holds what it shares and what it asked for itself."""
    recorded = family.record()
    at = family.place(recorded.run, "task.completed", "root")
    forked = family.fork(recorded, at, changes=[("/output/said", 7)])
    cassette = load_cassette(forked.cassette)
    replayed = family.studio.replay(recorded, family.agents(), cassette)
    assert [row.canonical for row in replayed.rows] == [row.canonical for row in family.rows(forked.run)]
    again = fork(
        cassette,
        family.rows(forked.run),
        family.place(forked.run, "task.started", "child"),
        family.studio.settings,
        agents=family.agents(),
        router=FixedRouter(),
    )
    assert again.run == f"{forked.run}-fork1"
    assert again.results["root"].output == {"said": 7}


@pytest.mark.parametrize(
    ("topic", "task", "change", "said"),
    [
        ("task.started", "child", ("/attempt", 2), "cannot be set; fork at one of these"),
        ("task.completed", "root", ("/error", "x"), "cannot be set"),
        ("task.completed", "root", ("/output/said/deep", 1), "leads nowhere"),
        ("task.submitted", "child", ("/task/request", "x"), "was added by an agent"),
        ("task.completed", "root", ("output", 1), "no JSON pointer"),
    ],
)
def test_what_cannot_be_set_is_refused_before_anything_is_written(
    family: Family, topic: str, task: str, change: tuple[str, Any], said: str
) -> None:
    """With what can."""
    recorded = family.record()
    with pytest.raises(RecordingError, match=said):
        family.fork(recorded, family.place(recorded.run, topic, task), changes=[change])
    with JournalReader(family.studio.settings.journal) as reader:
        assert [one.run for one in reader.runs()] == [recorded.run]


def test_a_row_that_is_another_one_now_ends_the_fork_with_its_number(family: Family) -> None:
    """Code that has changed before the point would make it another run's fork."""
    recorded = family.record()
    at = family.place(recorded.run, "task.completed", "child")
    family.plan = Plan("family", ())

    async def other(_task: Task, _context: TaskContext) -> Any:
        return "other"

    planner, _ = family.agents()
    with pytest.raises(
        RecordingError, match=r"row \d+ comes out otherwise, before the point: task.completed of 'aside'"
    ):
        fork(
            load_cassette(recorded.cassette),
            family.rows(recorded.run),
            at,
            family.studio.settings,
            agents=[planner, adopt(Reader("reader", other))],
            router=FixedRouter(),
        )


def test_a_row_of_nobody_is_refused(family: Family) -> None:
    """Row numbers are those of the journal."""
    recorded = family.record()
    with pytest.raises(RecordingError, match="has no row 9999"):
        family.fork(recorded, 9999)


def test_another_answer_of_an_agent_in_a_process_of_its_own(family: Family) -> None:
    """What is set stands in the row; the handler works in its process as before."""

    async def ask(_asked: Envelope) -> Reply:
        return Reply("me")

    studio, agents = family.studio, [plain_payer]
    recorded = studio.record(agents, Plan("apart", (Task("pay", "pay", agent="plain-payer"),)), ask=ask)
    cassette, rows = load_cassette(recorded.cassette), family.rows(recorded.run)
    at = next(row.sequence for row in rows if row.envelope.topic == "task.completed")
    changes = [("/output/1", "you")]
    forked = fork(cassette, rows, at, studio.settings, agents=agents, router=FixedRouter(), changes=changes)
    assert forked.results["pay"].output[1] == "you"
