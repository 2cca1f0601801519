"""Redacting: the redactor of a recording, and that of its replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.journal import encode
from orchestrator.redaction import Redactor, Rows, find_key, read_profile, take_key
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


def redacted_result(result: ScenarioResult, redact: Redactor) -> ScenarioResult:
    """Return what came of a scenario, fit to be reported: no text in it, and no row, holds a secret.

    Raises:
        RedactionError: if a rule fails.
    """
    rows = Rows(redact)
    scenario, kept = result.scenario, tuple(map(rows, result.rows))
    return replace(
        result,
        scenario=replace(scenario, name=redact(scenario.name), row=redact(scenario.row)),
        outcomes=tuple(
            replace(outcome, expected=redact(outcome.expected), happened=redact(outcome.happened))
            for outcome in result.outcomes
        ),
        error=redact(result.error),
        rows=kept,
        journal=b"".join(encode(redact(scenario.title), row) + b"\n" for row in kept),
        in_vain=tuple(map(redact, result.in_vain)),
        astray=tuple(map(redact, result.astray)),
    )
