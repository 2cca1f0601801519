"""The view of a pulse: what the latest run of a journal last said of a loop that stood, or of being stuck."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.topics import RUN_BLOCKED, RUN_STUCK, RUN_UNBLOCKED


def last_word(journal: Path) -> tuple[str, str]:
    """Return the latest run, and in one line what it said last, when; empty where it never had to.

    Raises:
        JournalError: if the journal cannot be read.
    """
    from orchestrator.clock import utc
    from orchestrator.journal import JournalReader

    with JournalReader(journal) as reader:
        runs = reader.runs()
        if not runs:
            return "", ""
        rows = list(reader.rows(run=runs[-1].run, topics=(RUN_BLOCKED, RUN_UNBLOCKED, RUN_STUCK)))
    if not rows:
        return runs[-1].run, ""
    said = rows[-1].envelope
    return runs[-1].run, f"{utc(said.at)}: {_told(said.topic, said.body, said.measured or {})}"


def _told(topic: str, body: Mapping[str, Any], measured: Mapping[str, float]) -> str:
    if topic == RUN_STUCK:
        from orchestrator.stuck import describe_stuck

        return describe_stuck(body)
    who = f"task {body['task']} of agent {body['agent']}" if "task" in body else body.get("holder", "a callback")
    how_long = f"{'' if topic == RUN_UNBLOCKED else 'more than '}{measured.get('blocked_s', 0):.1f} s"
    return f"{who} let the event loop stand for {how_long}, at {body['where']}"
