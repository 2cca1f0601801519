"""The promotion: a recorded run made a scenario, with its cassette, its inputs, and what came of it as expectations."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import yaml

from orchestrator.errors import PointsmanError
from orchestrator.files import write_atomically
from orchestrator.messages import Envelope
from orchestrator.redaction import shape_of
from orchestrator.redaction.pseudonym import PSEUDONYM
from orchestrator.topics import AGENT_REGISTERED
from scenarios.cabinet import SUFFIX as CASSETTE
from scenarios.cassette import Cassette, save_cassette
from scenarios.errors import RecordingError
from scenarios.history import History, TaskHistory
from scenarios.loader import SUFFIX

#: Bytes of an output that is expected as it is; of a larger one only that there was one.
_MOST_OUTPUT: Final = 2_000
#: Files and bytes of a workspace that is copied.
_MOST_FILES: Final = 1_000
_MOST_BYTES: Final = 20_000_000
#: Settings of a recorded run that a scenario states itself.
_STATED: Final = ("seed", "fallback_agent", "when_abstained")


@dataclass(frozen=True, slots=True)
class Promoted:
    """What was written.

    Attributes:
        scenario: the file.
        cassette: beside it.
        workspace: folder beside it; None where the run had no other than its own folder.
        expectations: how many.
    """

    scenario: Path
    cassette: Path
    workspace: Path | None
    expectations: int


def promote_run(cassette: Cassette, rows: Iterable[Envelope], into: Path, *, overwrite: bool = False) -> Promoted:
    """Write a scenario that plays a recorded run and expects what came of it.

    Args:
        cassette: of the run.
        rows: of the run.
        into: the file, named `*.scenario.yaml`; cassette and inputs go beside it.
        overwrite: whether files that are there may be written over.

    Raises:
        RecordingError: if the name is none of a scenario, something is there already, the inputs are too large, or
            the run is a fork in which something was set.
        PointsmanError: if it cannot be written.
    """
    if not into.name.endswith(SUFFIX) or into.name == SUFFIX:
        raise RecordingError(f"{into}: a scenario is named like 'dispute{SUFFIX}'; name it so")
    stem = into.name.removesuffix(SUFFIX)
    tape, folder = into.with_name(stem + CASSETTE), into.with_name(f"{stem}.files")
    for path in (into, tape, folder):
        if path.exists() and not overwrite:
            raise RecordingError(f"{path} is there already; name another file, or give --overwrite")
    if cassette.header.overrides or cassette.header.diverted:
        what = f"run {cassette.header.run!r} is a fork that was told what to say otherwise"
        raise RecordingError(f"{what}, which no scenario repeats; promote the run that it was forked from")
    workspace = _inputs(cassette)
    history = History(rows)
    document = _document(cassette, history, tape.name, folder.name if workspace else "")
    into.parent.mkdir(parents=True, exist_ok=True)
    if workspace is not None:
        _copy(workspace, folder)
    save_cassette(tape, cassette)
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    write_atomically(into, [_HEADER.format(run=cassette.header.run).encode(), text.encode()])
    return Promoted(into, tape, folder if workspace else None, len(document["then"]))


_HEADER: Final = "# Made of the recorded run {run} by `pointsman promote`. Take out of `then` what need not stay so.\n"


def _document(cassette: Cassette, history: History, tape: str, folder: str) -> dict[str, Any]:
    header = cassette.header
    given: dict[str, Any] = {"agents": _agents(history)}
    given |= {"workspace": folder} if folder else {}
    given |= {"fallback": header.settings["fallback_agent"]} if "fallback_agent" in header.settings else {}
    given_out = _given_out(cassette)
    given |= {"when_abstained": header.settings["when_abstained"]} if "when_abstained" in header.settings else {}
    return {
        "scenario": f"{header.plan or 'run'} as of {header.run}",
        "tags": ["recorded"],
        "seed": header.settings.get("seed", 0),
        "given": given,
        "when": [{"tasks": {task["id"]: _entry(task) for task in header.tasks}}],
        "cassette": {"path": tape, "record": "none"},
        "then": [one for name, task in history.tasks.items() for one in _expected(name, task, given_out)],
    }


def _agents(history: History) -> list[str]:
    return sorted({row.body["agent"] for row in history.rows if row.topic == AGENT_REGISTERED})


def _entry(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task as a plan has it."""
    return {name: value for name, value in task.items() if name not in ("id", "parent", "plan_policy")}


def _given_out(cassette: Cassette) -> frozenset[str]:
    """Return the pseudonyms that agents are given: in the scenario they are the same; what agents bring is numbered."""
    answers = [[one.answer, None if one.fault is None else one.fault.to_json()] for one in cassette.recordings]
    return frozenset(shape_of([list(cassette.header.tasks), answers])[1])


def _up_to_own(error: str, given_out: frozenset[str]) -> str:
    """Return an error up to the first pseudonym that its agent was not given."""
    own = (found.start() for found in PSEUDONYM.finditer(error) if found[0] not in given_out)
    return error[: next(own, len(error))].rstrip()


def _expected(name: str, task: TaskHistory, given_out: frozenset[str]) -> Iterator[dict[str, Any]]:
    chosen = task.decision.get("chosen")
    if chosen:
        yield {"type": "routed", "task": name, "to": chosen}
    elif task.decision:
        yield {"type": "abstained", "task": name}
    attempts = {"attempts": task.body["attempts"]} if task.body.get("attempts") else {}
    if task.status == "completed":
        yield {"type": "completed", "task": name, "agent": task.body["agent"], **attempts}
        output = task.body.get("output")
        if len(orjson.dumps(output)) <= _MOST_OUTPUT and given_out.issuperset(shape_of(output)[1]):
            yield {"type": "result", "task": name, "equals": output}
    elif task.status in ("failed", "dead_lettered", "skipped"):
        known = _up_to_own(task.body.get("error", ""), given_out)
        error = {"error_contains": known} if known else {}
        yield {"type": task.status.replace("_", "-"), "task": name, **error, **attempts}


def _inputs(cassette: Cassette) -> Path | None:
    """Return the folder of the inputs; None where it is the one that the run was started in, which may hold anything.

    Raises:
        RecordingError: if it is not there any more, or too large to be copied.
    """
    named = cassette.header.workspace
    if named in ("", "."):
        return None
    folder = Path(named)
    if not folder.is_dir():
        raise RecordingError(f"the run's workspace {named!r} is not there; promote it in the folder it was recorded in")
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    if len(files) > _MOST_FILES or size > _MOST_BYTES:
        what = f"{len(files)} files, {size / 1e6:.1f} MB"
        raise RecordingError(f"the run's workspace {named!r} holds {what}; record the run with a smaller one")
    return folder


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise PointsmanError(f"{source}: cannot be copied to {target}: {error}; check its files") from error
