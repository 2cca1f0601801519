"""The mailbox: one answer for each question, for as long as a process records the run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator.errors import AnswerError
from orchestrator.inbox import Reply
from orchestrator.journal.process import Process
from orchestrator.messages import Envelope
from scenarios.errors import RecordingError
from scenarios.mailbox import Mailbox, deliver

ASKED = Envelope("7", "task.asked", "bill", "", 0.0, {})
REPLY = Reply("yes", by="Ann", output={"id": 7})


def test_what_is_delivered_is_taken_and_the_first_counts(tmp_path: Path) -> None:
    """The second is refused before and after the first was taken."""
    with Mailbox(tmp_path, "march", every_s=0.01) as mailbox:
        assert deliver(tmp_path, "march", "bill", "7", REPLY)
        for _ in range(2):
            with pytest.raises(AnswerError, match="somebody answered already"):
                deliver(tmp_path, "march", "bill", "7", Reply("no"))
            assert asyncio.run(mailbox.take(ASKED)) == REPLY
    assert list(tmp_path.iterdir()) == []


def test_nobody_records(tmp_path: Path) -> None:
    """No such run, one that has ended, or one whose process is gone: the answer has to go to the journal."""
    assert not deliver(tmp_path, "march", "bill", "7", REPLY)
    with Mailbox(tmp_path, "march", every_s=0.01):
        gone = Process("here", _boot_of(tmp_path), 2**22 + 1, "", 0.0)
        (tmp_path / "march.answers" / "owner.json").write_text(gone.to_text(), encoding="utf-8")
        assert not deliver(tmp_path, "march", "bill", "7", REPLY)


def _boot_of(folder: Path) -> str:
    with Mailbox(folder, "other", every_s=0.01):
        return Process.from_text((folder / "other.answers" / "owner.json").read_text(encoding="utf-8")).boot


def test_what_is_no_answer_is_refused_by_name(tmp_path: Path) -> None:
    """Whoever writes files by hand is told which."""
    with Mailbox(tmp_path, "march", every_s=0.01) as mailbox:
        for text in (b"no json", b'{"say": 1}', b"[1, 2, 3, 4, 5]", b'{"text": 3}'):
            (tmp_path / "march.answers" / "7.json").write_bytes(text)
            with pytest.raises(RecordingError, match=r"7\.json: it is no answer"):
                asyncio.run(mailbox.take(ASKED))


def test_a_second_process_does_not_record_under_the_same_name(tmp_path: Path) -> None:
    """Its answers would go to the first."""
    with (
        Mailbox(tmp_path, "march", every_s=0.01),
        pytest.raises(RecordingError, match="cannot be made: File exists"),
        Mailbox(tmp_path, "march", every_s=0.01),
    ):
        pass
