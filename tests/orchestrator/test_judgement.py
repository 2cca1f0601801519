import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import PointsmanError, UnknownAgentError
from orchestrator.journal import JournalReader, JournalStatistics, MemoryJournal
from orchestrator.judgement import Judgement, Said, judge, read_judgements, standing
from orchestrator.messages import Envelope
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent, in_virtual_time
from orchestrator.topics import TASK_JUDGED
from router import Feedback
from tests.orchestrator.runs import make


async def run_some(journal: MemoryJournal) -> None:
    """Let a run decide on a learned, a pinned and an abstained task."""
    async with make([ScriptedAgent("a"), ScriptedAgent("b")], journal) as o:
        await o.submit("a please", id="learned")
        await o.submit("a please", id="pinned", agent="b")
        await o.submit("something else", id="nobodys")


@in_virtual_time
async def test_a_thumb_names_the_decision_that_it_is_about() -> None:
    """What goes on record holds request, agent, policy and propensity: no other row is needed to learn from it."""
    journal = MemoryJournal("r")
    await run_some(journal)
    judgement = judge(journal.select, "learned", "", Said(right=False, should_be="b", note="obvious"))
    assert judgement.to_json() == {
        "run": "r",
        "task": "learned",
        "request": "a please",
        "agent": "a",
        "policy": "learned",
        "propensity": 1.0,
        "right": False,
        "should_be": "b",
        "note": "obvious",
    }
    decided = next(row for row in journal.select(task="learned", topics=("task.routed",)))
    assert judgement.cause == decided.envelope.id
    assert judgement.to_feedback() == Feedback("a please", "a", right=False, should_be="b")


@in_virtual_time
async def test_who_should_have_got_it_tells_whether_it_went_right() -> None:
    """Without a thumb, the agent named is compared with the one that got the task."""
    journal = MemoryJournal("r")
    await run_some(journal)
    assert judge(journal.select, "learned", "", Said(should_be="a")).right
    wrong = judge(journal.select, "learned", "", Said(should_be="b"))
    assert (wrong.right, wrong.should_be) == (False, "b")


@in_virtual_time
async def test_where_the_router_had_no_say_only_the_right_agent_is_learnt() -> None:
    """A pinned task and one that nobody got teach whom they belong to, and nothing of how likely that was."""
    journal = MemoryJournal("r")
    await run_some(journal)
    for task, request in (("pinned", "a please"), ("nobodys", "something else")):
        said = judge(journal.select, task, "r", Said(right=False, should_be="a"))
        assert said.to_feedback() == Feedback(request, "a", right=True)


@pytest.mark.parametrize(
    ("task", "said", "problem"),
    [
        ("lerned", Said(right=True), r"no task 'lerned' in the journal; did you mean 'learned'\?"),
        ("learned", Said(), "say that it was right or wrong, or who should have got it"),
        ("learned", Said(right=True, should_be="b"), "right, and should be 'b'"),
        ("learned", Said(right=True, should_be="a"), "right, and should be 'a'"),
        ("learned", Said(right=False, should_be="a"), "did go to 'a'; say that it was right"),
        ("nobodys", Said(right=True), "the router abstained; say who should have got it"),
        ("nobodys", Said(right=False), "the router abstained; say who should have got it"),
        ("pinned", Said(right=True), "was pinned to 'b' by its submitter"),
    ],
)
def test_what_cannot_be_said_is_refused(task: str, said: Said, problem: str) -> None:
    """An unknown task, a contradiction, and a thumb for a choice that the router did not make."""

    @in_virtual_time
    async def refused() -> None:
        journal = MemoryJournal("r")
        await run_some(journal)
        with pytest.raises(PointsmanError, match=problem):
            judge(journal.select, task, "", said)

    refused()


@in_virtual_time
async def test_an_unknown_agent_is_refused_with_the_nearest() -> None:
    """Known are the agents of the run, and those that the caller knows beside them."""
    journal = MemoryJournal("r")
    async with make([ScriptedAgent("ledger"), ScriptedAgent("poet")], journal) as o:
        await o.submit("ledger", id="t")
    with pytest.raises(UnknownAgentError, match=r"did you mean 'poet'\?"):
        judge(journal.select, "t", "", Said(should_be="poets"))
    assert judge(journal.select, "t", "", Said(should_be="poets"), known=["poets"]).should_be == "poets"


@in_virtual_time
async def test_a_running_orchestrator_takes_feedback() -> None:
    """It is on record, caused by the decision, when the call returns; the last word on a task stands."""
    journal = MemoryJournal("r")
    async with make([ScriptedAgent("a"), ScriptedAgent("b")], journal) as o:
        await (await o.submit("a please", id="t")).result()
        first = await o.feedback("t", right=True)
        await o.feedback("t", right=False, should_be="b", note="on reflection")
        with pytest.raises(PointsmanError, match="no task 'u'"):
            await o.feedback("u", right=True)
    assert (first.agent, first.right) == ("a", True)
    said = read_judgements(journal.select, run="r")
    assert [one.right for one in said] == [True, False]
    assert standing(said) == [said[1]]
    assert said[1].cause == first.cause
    assert [row.envelope.topic for row in journal.rows][-1] == "run.stopped"


def test_feedback_of_a_running_orchestrator_reads_its_own_file(tmp_path: Path) -> None:
    """Also where the journal is an SQLite file that is being written."""
    settings = Settings(journal=tmp_path / "j.db", log_format="off")

    async def main() -> Judgement:
        async with Orchestrator(settings, agents=[ScriptedAgent("a")], router=FixedRouter(), run="r") as o:
            await (await o.submit("a please", id="t")).result()
            return await o.feedback("t", right=True)

    said = asyncio.run(main())
    with JournalReader(settings.journal) as reader:
        (read,) = read_judgements(reader.rows)
        assert read.to_json() == said.to_json()
        assert reader.verify().rows > 0


class Blind:
    """A journal that cannot be read back."""

    epoch = 1

    def append(self, envelope: Envelope) -> bool:
        """Forget it."""
        return True

    async def sync(self) -> None:
        """Wait for nothing."""

    async def aclose(self) -> None:
        """Close nothing."""

    def statistics(self) -> JournalStatistics:
        """Count nothing."""
        return JournalStatistics(0, 0, 0)


@in_virtual_time
async def test_a_journal_that_cannot_be_read_back_takes_no_feedback() -> None:
    """It is refused, by the name of its type."""
    blind: Any = Blind()
    async with make([ScriptedAgent("a")], blind) as o:
        await (await o.submit("a please", id="t")).result()
        with pytest.raises(PointsmanError, match="a Blind cannot be read back"):
            await o.feedback("t", right=True)


words = st.builds(
    Judgement,
    run=st.sampled_from("rs"),
    task=st.sampled_from("tu"),
    request=st.text(max_size=5),
    agent=st.just("a"),
    policy=st.just("learned"),
    propensity=st.floats(0.01, 1),
    right=st.booleans(),
)


@given(st.lists(words, max_size=8))
def test_the_last_word_on_each_task_stands(said: list[Judgement]) -> None:
    """One for each task of each run, and none after it is about the same."""
    stands = standing(said)
    assert len(stands) == len({(one.run, one.task) for one in said})
    for one in stands:
        last = [other for other in said if (other.run, other.task) == (one.run, one.task)][-1]
        assert one is last


@given(words)
def test_what_is_read_is_what_was_written(judgement: Judgement) -> None:
    """Through canonical JSON and back."""
    journal = MemoryJournal(judgement.run)
    journal.append(Envelope("1", TASK_JUDGED, judgement.task, "7", 2.5, judgement.to_json()))
    (read,) = read_judgements(journal.select)
    assert (read.to_json(), read.cause, read.at, read.sequence) == (judgement.to_json(), "7", 2.5, 1)
