"""The story: what a report knows of a run."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest

from orchestrator.errors import JournalError
from scenarios.html.story import Story, tell
from tests.scenarios.html.stories import everything, rows_of, submitted


def _story() -> Story:
    return tell("made", everything(), "here")


def _unpacked(block: bytes) -> Any:
    return json.loads(zlib.decompress(block))


def test_every_task_stands_as_its_last_row_says() -> None:
    """How many ended how, with what error, after how many attempts."""
    told = _story().to_json()
    assert told["tasks"] == {"completed": 1, "failed": 1, "dead_lettered": 1, "abstained": 1}
    assert not told["completed"]
    odd = {one["task"]: one for one in told["not_completed"]}
    assert odd["print"] == {
        "task": "print", "status": "dead_lettered", "agent": "printer", "attempts": 1, "error": "out of paper",
    }  # fmt: skip
    assert odd["odd"]["agent"] is None


def test_an_agent_has_its_attempts_times_faults_and_spending() -> None:
    """Repeated attempts are told apart; tokens come from rows of their own and from those with an end."""
    clerk = next(one for one in _story().to_json()["agents"] if one["agent"] == "clerk")
    assert (clerk["attempts"], clerk["repeated"], clerk["faults"], clerk["completed"]) == (2, 1, 1, 1)
    assert (clerk["tokens"], str(clerk["cost"])) == (25, "0.5")
    assert (clerk["p50_s"], clerk["recorded_p50_s"]) == (0.25, 2.0)


def test_work_goes_from_agent_to_agent_and_people_say_where_it_should() -> None:
    """Along what a task waits for; a judgement names who should have got it."""
    told = _story().to_json()
    assert told["hand_overs"] == [["clerk", "printer", 1]]
    assert told["should_be_and_was"] == [["clerk", "printer", 1]]
    assert ["clerk", "printer", 2] in told["leader_and_second"]


def test_decisions_keep_their_numbers_to_the_last_digit() -> None:
    """What is chosen is reckoned from them again."""
    columns = _unpacked(_story().choices.to_block())
    assert columns["sure"] == [900_000, 600_000, 300_000]
    assert columns["other"] == [0, 300_000, 200_000]
    assert columns["threshold"] == [500_000] * 3
    assert columns["chosen"][2] == -1


def test_an_attempt_that_is_followed_by_another_was_cut_off() -> None:
    """The process died in it: no row says how it ended."""
    facts = [submitted("t", "do"), *(("task.started", "t", {"agent": "a", "attempt": n}) for n in (1, 2))]
    story = tell("made", rows_of(facts))
    block = _unpacked(story.work.attempts.columns(0.0))
    assert [block["outcome"], block["lasted"]] == [[6, 0], [1_000_000, -1]]
    assert story.to_json()["tasks"] == {"unfinished": 1}


def test_what_others_publish_is_a_row_and_no_task() -> None:
    """A topic of one's own may be about anything."""
    story = tell("made", rows_of([submitted("t", "do"), ("shop.sold", "apples", {"decision": 3})]))
    assert len(story.events) == 2
    assert list(story.work.tasks.ids) == ["t"]


def test_a_record_that_holds_no_number_is_refused_by_its_row() -> None:
    """It is not taken for zero."""
    record = {"candidates": {"names": [], "scores": []}, "confidence": "high", "chosen": "a"}
    with pytest.raises(Exception, match="'high' where a number should be"):
        tell("made", rows_of([("task.routed", "t", {"decision": record})]))
    with pytest.raises(JournalError, match="row 1 of 'made' is not what"):
        tell("made", rows_of([("task.routed", "t", {"decision": {"candidates": 3}})]))
