"""The run that the report is measured with is one that an orchestrator could have written."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report import make_rows, write_journal
from orchestrator.journal import JournalReader
from router.prediction import choose
from scenarios.html.story import tell


def test_its_decisions_are_those_of_a_router_and_its_journal_is_whole(tmp_path: Path) -> None:
    """Each choice follows from the numbers beside it; the chain of the journal holds; everything occurs."""
    write_journal(tmp_path / "journal.db", 1500)
    with JournalReader(tmp_path / "journal.db") as reader:
        assert reader.verify().rows == 1500
        run = reader.runs()[0].run
        story = tell(run, reader.rows(run=run))
    records = [row.body["decision"] for row in make_rows(1500) if "decision" in row.body]
    for record in records:
        numbers = (record["confidence"], record["runner_up_confidence"], record["threshold"])
        choice = choose(record["leader"], *numbers)
        assert (record["chosen"] or record["abstained"]) == (choice if isinstance(choice, str) else choice.reason)
    assert len(story.choices) == len(records)
    told = story.to_json()
    assert {"completed", "abstained"} <= set(told["tasks"])
    assert told["faults"]
    assert any(one["repeated"] for one in told["agents"])
