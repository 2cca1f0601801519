"""Loader: scenario files in, concrete scenarios out; whatever does not fit is refused with its line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from orchestrator import caps
from orchestrator.documents import Document, read_document, validate
from orchestrator.errors import DocumentError
from orchestrator.places import Loc
from orchestrator.redaction import DEFAULT, NONE, read_profile
from scenarios.beside import FilesBeside
from scenarios.mentions import Mentions
from scenarios.outline import ROW_TAGS, expand, in_row, is_outline
from scenarios.scenario import Scenario, ScenarioEntry
from scenarios.steps import Steps
from scenarios.vocabulary import scenario_model

SUFFIX: Final = ".scenario.yaml"


def load_scenarios(path: str | Path) -> list[Scenario]:
    """Return the scenarios of a file: one, or one for each row of its examples.

    Raises:
        DocumentError: if the file, or a plan that it names, is refused; with line and column.
    """
    path, model = Path(path), scenario_model()
    document = read_document(path, model=model, caps=caps.SCENARIO)
    if not is_outline(document):
        return [_build(document, model, path, row=0)]
    return [_build_row(filled, model, path, row) for row, filled in enumerate(expand(document), 1)]


def _build_row(document: Document, model: type[ScenarioEntry], path: Path, row: int) -> Scenario:
    try:
        return _build(document, model, path, row)
    except DocumentError as error:
        raise in_row(error, row) from None


def _build(document: Document, model: type[ScenarioEntry], path: Path, row: int) -> Scenario:
    entry = validate(document, model)
    given = entry.given
    files, mentions = FilesBeside(document, path.parent.resolve()), Mentions(document, given)
    mentions.check_given()
    steps = tuple(Steps(document, entry.when, files, mentions))
    known = mentions.added | {task.id for step in steps for task in step.tasks}
    mentions.check_people(known)
    mentions.check_entries("faults", entry.faults, known)
    mentions.check_entries("then", entry.then, known)
    mentions.check_states(entry)
    for index, one in enumerate(entry.then):
        for name in one.files:
            files.path(name, ("then", index, "file"))
        _profile(files, one.redacts_by, ("then", index, "profile"))
    return Scenario(
        name=entry.scenario,
        path=path,
        row=row,
        tags=tuple(dict.fromkeys((*entry.tags, *_row_tags(document, entry)))),
        seed=entry.seed,
        given=given,
        when=steps,
        then=entry.then,
        workspace=files.find(given.workspace, ("given", "workspace"), folder=True) if given.workspace else None,
        history=files.find(given.git.history, ("given", "git", "history")) if given.git else None,
        description=entry.description,
        faults=entry.faults,
        cassette=files.path(entry.cassette.path, ("cassette", "path")) if entry.cassette else None,
        record=entry.cassette.record if entry.cassette else "none",
        runs=entry.runs,
        redact=_profile(files, entry.redact, ("redact",)),
    )


def _profile(files: FilesBeside, name: str, loc: Loc) -> str:
    """Return what is said of a profile of redaction, a file by its path.

    Raises:
        DocumentError: if there is no such file, or it is none of a profile.
    """
    if name in ("", DEFAULT, NONE):
        return name
    path = str(files.find(name, loc))
    read_profile(path)
    return path


def _row_tags(document: Document, entry: ScenarioEntry) -> list[str]:
    tags = entry.examples[0].get(ROW_TAGS, []) if entry.examples else []
    tags = [tags] if isinstance(tags, str) else tags
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise document.error(("examples",), f"{ROW_TAGS!r} holds something else than text", "write `tags: [a, b]`")
    return tags
