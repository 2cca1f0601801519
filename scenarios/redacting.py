"""Redacting: the redactor of a recording, and that of its replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.journal import MemoryJournal, Row
from orchestrator.messages import Result
from orchestrator.redaction import Recounted, RedactionError, Redactor, Rows, find_key, read_profile, take_key
from scenarios.cassette import Cassette

if TYPE_CHECKING:
    from scenarios.runner import ScenarioResult


def new_redactor(profile: str, folder: Path, environ: Mapping[str, str]) -> Redactor | None:
    """Return a redactor for what is recorded from now on; None for a profile that takes nothing out.

    Args:
        profile: `default`, a YAML file, or `none`.
        folder: of the journal; its key is there, and made if there is none.
        environ: may hold the key.

    Raises:
        DocumentError: if the profile cannot be used.
        RedactionError: if there is no key and none can be made.
    """
    read = read_profile(profile)
    return None if read is None else Redactor(read, take_key(folder, environ))


def redactor_of(cassette: Cassette, folder: Path, environ: Mapping[str, str]) -> Redactor | None:
    """Return the redactor of a recorded run, for its replay; None where nothing was taken out.

    Where the key of the recording is not to be found, it is one that fails at whatever the recording did not replace.

    Raises:
        DocumentError: if the profile is a file, and that cannot be used.
        RedactionError: if a key is there and cannot be read.
    """
    profile = read_profile(cassette.header.profile)
    if profile is None:
        return None
    key = find_key(folder, environ)
    return Redactor(profile, key if key is not None and key.mark == cassette.header.key else None)


def masked_rows(rows: Sequence[Row], redact: Redactor | Recounted) -> list[Row]:
    """Return the rows of a run as they may be written, canonical and chained anew.

    Raises:
        RedactionError: if a rule fails, or the id of a task is a secret itself.
    """
    recounted = Recounted(redact) if isinstance(redact, Redactor) else redact
    journal, masked = MemoryJournal(recounted(rows[0].run) if rows else ""), Rows(recounted)
    for row in rows:
        journal.append(masked(row.envelope))
    return journal.rows


def redacted_result(result: ScenarioResult, redact: Redactor) -> ScenarioResult:
    """Return what came of a scenario, fit to be reported: no text in it, and no row, holds a secret.

    Raises:
        RedactionError: if a rule fails.
    """
    stored = masked_rows(result.stored, redact)
    return replace(
        result,
        scenario=replace(result.scenario, name=redact(result.scenario.name)),
        outcomes=tuple(
            replace(outcome, expected=redact(outcome.expected), happened=redact(outcome.happened))
            for outcome in result.outcomes
        ),
        error=redact(result.error),
        rows=tuple(row.envelope for row in stored),
        journal=b"".join(row.canonical + b"\n" for row in stored),
        strikes=tuple(replace(strike, task=redact(strike.task)) for strike in result.strikes),
        in_vain=tuple(map(redact, result.in_vain)),
        stored=tuple(stored),
        astray=tuple(map(redact, result.astray)),
    )


def redacted_results(results: Mapping[str, Result], redact: Redactor | None) -> dict[str, Result]:
    """Return what came of tasks, by their ids, fit to be shown.

    Raises:
        RedactionError: if a rule fails.
    """
    if redact is None:
        return dict(results)
    return {task: one._replace(output=redact(one.output), error=redact(one.error)) for task, one in results.items()}


def left_behind(result: ScenarioResult, redact: Redactor | None) -> ScenarioResult:
    """Return what came of a scenario as it may be told; of one whose redaction fails nothing but that."""
    if redact is None:
        return result
    try:
        return redacted_result(result, redact)
    except RedactionError as error:
        scenario = replace(result.scenario, name=result.scenario.path.name)
        return type(result)(scenario, "error", error=str(error), redact=redact)
