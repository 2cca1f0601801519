"""The fork: a recorded run played again up to a point, and gone on with from there as a run of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.agent import Agent
from orchestrator.budget import Budget
from orchestrator.clock import VirtualClock
from orchestrator.confinement import confined
from orchestrator.journal import Row, encode
from orchestrator.messages import Envelope, Result, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.paced_loop import PacedLoop, run_paced
from orchestrator.plan import Plan
from orchestrator.redaction import Redactor
from orchestrator.settings import Settings
from orchestrator.topics import TASK_SUBMITTED
from router import Router
from scenarios.alteration import Alteration, Changes
from scenarios.cabinet import cassette_of
from scenarios.cassette import Cassette, Header, Recording
from scenarios.errors import RecordingError
from scenarios.interview import Ask, Interview
from scenarios.prompter import prompted
from scenarios.recording import CassetteFile, RecordingJournal, keeping_quiet, mailbox_of, perform, seeing
from scenarios.tape import Tape, as_it_is


@dataclass(frozen=True, slots=True)
class Forked:
    """A run that was forked.

    Attributes:
        run: its id.
        cassette: its own: what it shares with its parent, and what it read itself.
        shared: rows that it has in common with its parent.
        asked: how often the world was asked, all of it after the point.
        results: by task id.
    """

    run: str
    cassette: Path
    shared: int
    asked: int
    results: dict[str, Result]


def fork(
    cassette: Cassette,
    rows: Sequence[Row],
    at: int,
    settings: Settings,
    *,
    agents: Iterable[Agent],
    changes: Changes = (),
    live: bool = True,
    router: Router | None = None,
    run: str = "",
    into: Path | None = None,
    redact: Redactor | None = None,
    ask: Ask | None = None,
) -> Forked:
    """Play a recorded run up to a row, and go on from there.

    Up to the row everything comes from the cassette, and each row must be that of the parent. After it the world is
    asked by what descends from the point: its task, those that wait for that or were added by it, and theirs. Whatever
    else the parent recorded still comes from there. Keys of effects are those that the parent would have used:
    what it did after the point and what honours keys is not done twice. The parent stays as it is.

    Args:
        cassette: of the parent.
        rows: of the parent.
        at: sequence number of the row.
        settings: whose journal takes the run; what decides what happens comes from the parent.
        agents: those that there are now.
        changes: JSON pointers into the body of the row, and what stands there instead.
        live: False lets nobody be asked after the point either: what the parent's cassette does not hold is refused.
        router: None takes the one that the settings name.
        run: id; the parent's with `-fork` and a number if empty.
        into: file of the cassette; None takes `cassette_of`.
        redact: `redactor_of` the cassette. What the fork asks the world it asks with the pseudonyms that it has.
        ask: as of `record`.

    Raises:
        RecordingError: if the run has no such row, a change fits nowhere, or a row before the point is another now.
        PointsmanError: if the run cannot start.
    """
    shared = _shared(cassette.header.run, rows, at)
    alteration = Alteration(shared, changes)
    name, origin = run or _name(cassette.header.run, settings), cassette.header.origin or cassette.header.run
    altered = alteration.of(cassette)
    altered = altered.model_copy(update={"header": altered.header.model_copy(update={"run": name, "origin": origin})})
    point, gate = shared[-1].envelope, asyncio.Event()
    lineage = _Lineage(point, round(point.at - altered.header.epoch, 6) + 1e-9)
    path = into or cassette_of(settings, name)
    with (
        _Forking(settings, name, shared, gate, lineage, alteration, redact) as journal,
        CassetteFile(path, altered.header) as file,
        mailbox_of(settings, name) as mailbox,
        keeping_quiet(redact),
    ):
        tape = Tape(altered, "new" if live else "none", redact=redact or as_it_is, sink=file.write, gate=gate,
                    keep_played=True, passes_by=lineage.passes_by if live else _nothing)  # fmt: skip
        interview = Interview(tape, journal.before(ask or mailbox.take), redact or as_it_is)
        agents = prompted(agents, altered.header.overrides)
        results = _go_on(altered.header, settings, agents, seeing(router, settings, redact), journal, tape, interview)
    return Forked(name, path, len(shared), tape.asked, results)


def _shared(run: str, rows: Iterable[Row], at: int) -> list[Row]:
    shared = [row for row in rows if row.sequence <= at]
    if not shared or shared[-1].sequence != at:
        raise RecordingError(f"run {run!r} has no row {at}; `pointsman diff` and `why` tell numbers")
    return shared


def _go_on(
    header: Header,
    settings: Settings,
    agents: Sequence[Agent],
    router: Router | None,
    journal: RecordingJournal,
    tape: Tape,
    interview: Interview,
) -> dict[str, Result]:
    made = Orchestrator(
        Settings.model_validate({**settings.model_dump(exclude_defaults=True), **header.settings}),
        agents=agents,
        router=router,
        journal=journal,
        clock=VirtualClock(header.epoch),
        run=header.run,
        budget=None if header.budget is None else Budget.model_validate(header.budget),
        outside_of=tape.of,
        origin=header.ancestry(),
    )
    plan = Plan(header.plan, tuple(Task.from_json(task) for task in header.tasks))
    with confined():
        return run_paced(perform(made, plan, tape, interview), jumps=True)


class _Lineage:
    """Which tasks descend from the point."""

    def __init__(self, point: Envelope, moment: float) -> None:
        self._all, self._moment, self._tasks = not point.correlation_id, moment, {point.correlation_id}

    def look(self, envelope: Envelope) -> None:
        """Take note of a task that is submitted."""
        if envelope.topic == TASK_SUBMITTED:
            task = envelope.body["task"]
            if not self._tasks.isdisjoint((task.get("parent", ""), *task.get("after", ()))):
                self._tasks.add(task["id"])

    def passes_by(self, recording: Recording) -> bool:
        """Return whether a recording is not for this run: its task descends from the point, and had it after that."""
        after = recording.at > self._moment or recording.cut_off
        return after and (self._all or recording.task in self._tasks)


def _nothing(_recording: Recording) -> bool:
    return False


def _name(parent: str, settings: Settings) -> str:
    taken = {path.name for path in cassette_of(settings, parent).parent.glob(f"{parent}-fork*")}
    number = 1
    while cassette_of(settings, f"{parent}-fork{number}").name in taken:
        number += 1
    return f"{parent}-fork{number}"


class _Forking(RecordingJournal):
    """The journal of a fork: its rows up to the point are those of its parent, and then the world may be asked."""

    def __init__(
        self,
        settings: Settings,
        run: str,
        shared: Sequence[Row],
        gate: asyncio.Event,
        lineage: _Lineage,
        alteration: Alteration,
        redact: Redactor | None,
    ) -> None:
        super().__init__(settings.journal, run, durability=settings.durability, redact=redact)
        self._shared, self._gate, self._lineage, self._alteration = shared, gate, lineage, alteration

    def append(self, envelope: Envelope) -> bool:
        written = self.redacted(envelope)
        self._lineage.look(written)
        number = len(self.rows)
        if number < len(self._shared):
            self._compare(self._shared[number], written, last=number == len(self._shared) - 1)
        taken = self.keep(envelope, written)
        if len(self.rows) == len(self._shared):
            self._gate.set()
            loop = asyncio.get_running_loop()
            if isinstance(loop, PacedLoop):
                loop.take_its_time()
        return taken

    def _compare(self, recorded: Row, actual: Envelope, *, last: bool) -> None:
        expected = self._alteration.row() if last else recorded.envelope
        if encode(recorded.run, actual) != encode(recorded.run, expected):
            raise RecordingError(
                f"row {recorded.sequence} comes out otherwise, before the point: {actual.topic} of "
                f"{actual.correlation_id!r}; what runs now is not what was recorded: see `pointsman replay`"
            )
