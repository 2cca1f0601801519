"""What `pointsman doctor` tells of the latest run."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.health import _latest_run
from orchestrator.cli.pulse_view import last_word
from orchestrator.journal import SqliteJournal
from orchestrator.messages import Envelope

WHERE = {"agent": "a", "task": "t", "attempt": 1, "where": "slow.py:7 handle"}


def write(path: Path, run: str, *said: tuple[str, dict[str, Any], dict[str, float] | None]) -> None:
    async def main() -> None:
        journal = SqliteJournal(path, run, durability="os-crash-may-lose")
        journal.append(Envelope("1", "run.started", "", "", 0.0, {}))
        for number, (topic, body, measured) in enumerate(said):
            journal.append(Envelope(f"x{number}", topic, "", "", 60.0, body, measured))
        await journal.aclose()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (("run.blocked", WHERE, {"blocked_s": 2.04}), "stand for more than 2.0 s, at slow.py:7 handle"),
        (("run.unblocked", WHERE, {"blocked_s": 3.5}), "task t of agent a let the event loop stand for 3.5 s"),
        (("run.unblocked", {"holder": "part", "where": "x"}, {"blocked_s": 3.5}), "part let the event loop stand"),
        (("run.stuck", {"silent_s": 30, "open": 2}, None), "nothing happened for 30 s, 2 tasks are open"),
    ],
    ids=["blocked", "unblocked", "part", "stuck"],
)
def test_the_last_word_of_the_latest_run_is_told(
    tmp_path: Path, said: tuple[str, dict[str, Any], dict[str, float] | None], told: str
) -> None:
    """In one line, with its time; a warning of the doctor's."""
    path = tmp_path / "j.db"
    write(path, "first", ("run.stuck", {"silent_s": 9, "open": 9}, None))
    write(path, "second", ("run.stuck", {"silent_s": 8, "open": 8}, None), said)
    run, line = last_word(path)
    assert run == "second"
    assert line.startswith("1970-01-01 00:01:00 UTC: ")
    assert told in line
    [check] = _latest_run(path)
    assert (check.name, check.status, check.detail) == ("run second", "warn", line)


def test_a_run_that_had_nothing_to_say_is_not_mentioned(tmp_path: Path) -> None:
    """Nor is a journal that is not there, or cannot be read: another check says so."""
    path = tmp_path / "j.db"
    assert not list(_latest_run(path))
    write(path, "first", ("run.stuck", {"silent_s": 9, "open": 9}, None))
    write(path, "second")
    assert last_word(path) == ("second", "")
    assert not list(_latest_run(path))
    path.write_bytes(b"no journal")
    assert not list(_latest_run(path))
