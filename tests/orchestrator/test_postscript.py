from pathlib import Path

from orchestrator.journal import JournalReader
from orchestrator.postscript import Entry, append
from orchestrator.settings import Settings


def test_rows_are_chained_to_what_is_there(tmp_path: Path) -> None:
    """Of several runs, in the order given within each; the chain holds and the ids are no run's."""
    settings = Settings(journal=tmp_path / "j.db")
    append(settings, [Entry("r", "task.judged", {"n": 1}, "t", "7"), Entry("s", "task.judged", {"n": 2}, "u")])
    append(settings, [Entry("r", "task.judged", {"n": 3}, "t")])
    with JournalReader(settings.journal) as reader:
        assert reader.verify().rows == 3
        rows = list(reader.rows())
    assert [(row.run, row.envelope.body["n"]) for row in rows] == [("r", 1), ("s", 2), ("r", 3)]
    first = rows[0].envelope
    assert (first.correlation_id, first.causation_id) == ("t", "7")
    assert len({row.envelope.id for row in rows}) == 3
    assert not any(row.envelope.id.isdigit() for row in rows)
