"""The alternative: what each decision would have been, and what of it the record does not tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.journal import Row
from orchestrator.messages import Task
from orchestrator.whatif import Alternative, Answer, RecordedRun, WhatIf, what_if
from router import Abstained, AgentProfile, KeywordRouter, Prediction

Live = Callable[..., list[Row]]
Ask = Callable[..., WhatIf]

CLEAR = Task("clear", "balance the ledger of the day")
DOUBTFUL = Task("doubtful", "poem zzz qqq www")
STRANGE = Task("strange", "zzz qqq")
PINNED = Task("pinned", "whatever", agent="poet")
OPEN = "write poem about spring poet sweep floor room sweeper one two three four five six seven"
ALL = (CLEAR, DOUBTFUL, STRANGE, PINNED)


def kinds(found: WhatIf) -> dict[str, str]:
    """Return what changes, by task."""
    return {answer.task: answer.kind for answer in found.answers}


def only(found: WhatIf, task: str) -> Answer:
    """Return the answer about a task."""
    return next(answer for answer in found.answers if answer.task == task)


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.45, 0.5, 0.7, 0.9, 0.999])
def test_a_threshold_gives_the_very_records_of_a_live_run(live: Live, threshold: float) -> None:
    """Each record to the last digit, whatever the threshold."""
    supposed = Alternative(threshold)
    foretold = [supposed.rewrite(one) for one in RecordedRun("r").hear(live(*ALL))]
    happened = [one.decision for one in RecordedRun("r").hear(live(*ALL, threshold=threshold))]
    assert foretold == happened
    assert len(happened) == 4


def test_a_higher_threshold_leaves_some_to_nobody(ask: Ask) -> None:
    """What abstained already stays as it was; what its submitter decided, too."""
    found = ask(*ALL, supposed=Alternative(0.97))
    assert kinds(found) == {"doubtful": "abstains"}
    assert only(found, "doubtful").after.threshold == 0.97


def test_a_lower_threshold_takes_some_up(ask: Ask) -> None:
    """From nobody to the leader."""
    found = ask(*ALL, supposed=Alternative(0.0), at=0.99)
    assert kinds(found) == {"doubtful": "routed", "strange": "routed"}
    assert only(found, "doubtful").after.chosen == "poet"


def test_without_an_agent_its_tasks_go_elsewhere(ask: Ask) -> None:
    """To the runner-up if that is sure enough, else to nobody; what was pinned to it fails."""
    found = ask(*ALL, Task("room", "the ledger room"), supposed=Alternative(without=frozenset({"sweeper"})))
    assert kinds(found) == {"room": "moved"}
    found = ask(*ALL, supposed=Alternative(without=frozenset({"poet"})))
    assert kinds(found) == {"doubtful": "abstains", "pinned": "fails"}
    assert only(found, "pinned").after.policy == "refused"


def test_both_at_once_are_both_supposed(ask: Ask) -> None:
    """Without the leader, and under a threshold that the next one reaches."""
    found = ask(CLEAR, supposed=Alternative(0.0, frozenset({"ledger"})))
    assert only(found, "clear").after.chosen in ("poet", "sweeper")


def test_a_fallback_takes_what_the_router_would_leave(ask: Ask) -> None:
    """The settings of the run are on record; without the fallback agent nobody is left."""
    found = ask(*ALL, supposed=Alternative(0.97), fallback_agent="sweeper")
    assert only(found, "doubtful").after.chosen == "sweeper"
    assert only(found, "doubtful").after.policy == "fallback"
    found = ask(STRANGE, supposed=Alternative(without=frozenset({"sweeper"})), fallback_agent="sweeper")
    assert kinds(found) == {"strange": "abstains"}


def test_another_reason_is_told_apart_from_another_end(ask: Ask) -> None:
    """A near tie instead of nobody at all: the task ends alike."""
    tied = Task("tied", "poem about floor sweep")
    found = ask(tied, supposed=Alternative(0.8), at=0.999)
    answer = only(found, "tied")
    assert answer.kind == "reason"
    assert (answer.before.abstained, answer.after.abstained) == ("below-threshold", "near-tie")


def test_an_older_record_does_not_tell_a_new_leaders_confidence(live: Live) -> None:
    """Without the calibration on record, who leads is known, and whether that is enough is not."""
    found = what_if("r", [_older(row) for row in live(*ALL)], Alternative(without=frozenset({"ledger"})))
    answer = only(found, "clear")
    assert answer.kind == "unknown"
    assert "does not say how scores become a confidence" in answer.why_unknown
    assert answer.after.confidence is None
    assert any("older than the record of its settings" in line for line in found.limits)


def test_an_older_record_tells_of_a_fallback_by_its_decisions(live: Live) -> None:
    """One decision that fell back names who takes such tasks."""
    rows = [_older(row) for row in live(STRANGE, replace_id(DOUBTFUL), fallback_agent="sweeper")]
    assert only(what_if("r", rows, Alternative(0.97)), "later").after.chosen == "sweeper"


def test_where_chance_had_a_part_it_draws_the_same_again(live: Live) -> None:
    """A run that tries other agents tries the same ones at another threshold: seed and run draw."""
    tasks = [Task(f"t{at}", OPEN) for at in range(40)]
    settings: dict[str, Any] = {"explore": 0.6, "seed": 3}
    found = what_if("r", live(*tasks, threshold=0.95, **settings), Alternative(0.3))
    happened = {one.task: one.chosen for one in RecordedRun("r").hear(live(*tasks, threshold=0.3, **settings))}
    assert {answer.task: answer.after.chosen for answer in found.answers} == happened
    assert len({answer.after.chosen for answer in found.answers}) > 1


def test_where_the_rate_of_chance_is_not_on_record_it_says_so(live: Live) -> None:
    """Records that were open to chance, of a version that did not write its rate."""
    tasks = [Task(f"t{at}", OPEN) for at in range(10)]
    rows = [_older(row) for row in live(*tasks, threshold=0.3, explore=0.6, seed=3)]
    found = what_if("r", rows, Alternative(without=frozenset({"ledger"})))
    assert {answer.kind for answer in found.answers} <= {"unknown"}


def test_a_model_is_asked_about_the_same_candidates_and_vetoes(live: Live) -> None:
    """One that knows more agents than the run had is not asked about those."""
    router = _Recording()
    for name, texts in (("poet", ("balance the ledger of the day",)), ("stranger", ("balance the ledger",))):
        router.add(AgentProfile(name, "1", "", texts))
    supposed = Alternative(router=router, knows=frozenset(router.names))
    found = what_if("r", live(*ALL), supposed)
    assert only(found, "clear").after.chosen == "poet"
    assert router.vetoes[0] == {"stranger": "not there"}
    assert any("without ledger, sweeper" in line for line in found.limits)


def test_whom_the_run_did_not_have_gets_nothing(live: Live) -> None:
    """A router that knows an agent that is not registered is asked again without it, as a run does."""
    rows = [row for row in live(*ALL) if row.envelope.body.get("agent") != "ledger" or row.envelope.topic == "x"]
    answer = only(what_if("r", rows, Alternative(0.1)), "clear")
    assert answer.after.chosen in ("poet", "sweeper") or answer.after.abstained


def replace_id(task: Task) -> Task:
    """Return the task under another id."""
    return task._replace(id="later")


def _older(row: Row) -> Row:
    """Return a row as versions wrote it that did not put their settings on record."""
    body = {key: value for key, value in row.envelope.body.items() if key != "routing"}
    return replace(row, envelope=row.envelope._replace(body=body))


class _Recording(KeywordRouter):
    """Notes the vetoes that it is asked with."""

    def __init__(self) -> None:
        super().__init__()
        self.vetoes: list[dict[str, str]] = []

    def predict(self, text: str, vetoes: Any = ()) -> Prediction:
        """Decide."""
        self.vetoes.append(dict(vetoes))
        found = super().predict(text, vetoes)
        assert isinstance(found.choice, str | Abstained)
        return found
