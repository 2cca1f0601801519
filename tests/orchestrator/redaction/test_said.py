"""What is logged in a run has no secrets, whoever logs it and wherever it goes."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.redaction import Numbered, Profile, RedactionError, Redactor, saying
from orchestrator.redaction.patterns import Pattern

MAIL = "ada@bank.example"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Return what a handler writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def redactor() -> Redactor:
    return Redactor(Profile(), None, Numbered())


def test_messages_arguments_and_tracebacks_lose_their_secrets(lines: io.StringIO, caplog: Any) -> None:
    """In the block; what is logged before and after it stays as it is."""
    log = logging.getLogger("agent")
    with saying(redactor()):
        log.warning("to %s", MAIL)
        try:
            int(MAIL)
        except ValueError:
            log.exception("failed", stack_info=True)
    log.warning("after %s", MAIL)
    before, _, after = lines.getvalue().rpartition("after ")
    assert MAIL not in before
    assert after == f"{MAIL}\n"
    assert "to [email:000000000001]\n" in before
    assert "base 10: '[email:000000000001]'" in before
    assert "Stack (most recent call last)" in before
    assert MAIL not in caplog.records[0].getMessage()


class Odd:
    """Cannot even be shown."""

    def __repr__(self) -> str:
        raise LookupError(MAIL)


class Sheet:
    """No JSON."""

    def __repr__(self) -> str:
        return f"Sheet({MAIL})"


def test_what_a_call_gives_beside_its_message_loses_its_secrets(caplog: Any) -> None:
    """By what it is, and by the name that it has; numbers and lists stay what they are, strangers become text."""
    given = {"mail": [MAIL, 3], "password": "hunter2-of-mine", "sheet": Sheet(), "odd": Odd(), "ours": {"attempt": 2}}
    with saying(redactor()):
        logging.getLogger("agent").warning("sent", extra=given)
    logging.getLogger("agent").warning("after", extra=given)
    during, after = caplog.records
    assert (during.mail, during.ours) == (["[email:000000000001]", 3], {"attempt": 2})
    assert (during.password, during.sheet) == ("[secret:000000000001]", "Sheet([email:000000000001])")
    assert during.odd == "Odd"
    assert {name: getattr(after, name) for name in given} == given


def test_a_line_that_cannot_be_written_is_not_shown_either(lines: io.StringIO, capsys: Any) -> None:
    """`logging` would print what it was given."""
    with saying(redactor()):
        logging.getLogger("agent").warning("%d", MAIL)
    assert lines.getvalue() == "a line that cannot be written: TypeError\n"
    assert MAIL not in "".join(capsys.readouterr())


def test_a_rule_that_fails_writes_nothing(lines: io.StringIO) -> None:
    """It raises out of the call that logs."""

    def fail(_text: str) -> list[Any]:
        raise KeyError

    profile = Profile()
    profile.rules = (Pattern("fragile", (), fail),)
    with saying(Redactor(profile, None, Numbered())), pytest.raises(RedactionError, match="'fragile'"):
        logging.getLogger("agent").warning("to %s", MAIL)
    assert lines.getvalue() == ""


def test_without_redaction_nothing_changes(lines: io.StringIO) -> None:
    """Not even who makes records."""
    before = logging.getLogRecordFactory(), logging.Logger.makeRecord
    with saying(None):
        assert (logging.getLogRecordFactory(), logging.Logger.makeRecord) == before
        logging.getLogger("agent").warning("to %s", MAIL)
    assert lines.getvalue() == f"to {MAIL}\n"
