"""The fork: a recorded run played again up to a point, and gone on with from there as a run of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

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
from orchestrator.topics import EFFECT_DONE, TASK_COMPLETED, TASK_SUBMITTED
from router import Router
from scenarios.cabinet import cassette_of
from scenarios.cassette import Cassette, Header, Override, Recording, RecordMode
from scenarios.errors import RecordingError
from scenarios.pointers import put, tokens
from scenarios.prompter import prompted
from scenarios.recording import CassetteFile, RecordingJournal, as_it_is, passing, perform, seeing
from scenarios.tape import Tape

#: What can be said otherwise, and where in its row.
_SETTABLE: Final = {TASK_SUBMITTED: "task", TASK_COMPLETED: "output", EFFECT_DONE: "output"}


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
    changes: Sequence[tuple[str, Any]] = (),
    live: bool = True,
    router: Router | None = None,
    run: str = "",
    into: Path | None = None,
    redact: Redactor | None = None,
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

    Raises:
        RecordingError: if the run has no such row, a change fits nowhere, or a row before the point is another now.
        PointsmanError: if the run cannot start.
    """
    shared = [row for row in rows if row.sequence <= at]
    if not shared or shared[-1].sequence != at:
        raise RecordingError(f"run {cassette.header.run!r} has no row {at}; `pointsman diff` and `why` tell numbers")
    point, parent = shared[-1].envelope, cassette.header
    named = {"run": run or _name(parent.run, settings), "origin": parent.origin or parent.run}
    changed = _changed(cassette, point, changes)
    changed = changed.model_copy(update={"header": _update(changed.header, **named)})
    path, gate = into or cassette_of(settings, named["run"]), asyncio.Event()
    lineage = _Lineage(point, round(point.at - parent.epoch, 6) + 1e-9)
    with (
        _Forking(settings, named["run"], shared, gate, lineage, changes, redact) as journal,
        CassetteFile(path, changed.header) as file,
    ):
        mode: RecordMode = "new" if live else "none"
        passes_by = lineage.passes_by if live else _nothing
        tape = Tape(
            changed, mode, redact=redact or as_it_is, sink=file.write, gate=gate, keep_played=True, passes_by=passes_by
        )
        seen = seeing(router, settings, redact)
        with passing(redact):
            results = _go_on(changed.header, settings, prompted(agents, changed.header.overrides), seen, journal, tape)
    return Forked(named["run"], path, len(shared), tape.asked, results)


def _go_on(
    header: Header,
    settings: Settings,
    agents: Sequence[Agent],
    router: Router | None,
    journal: RecordingJournal,
    tape: Tape,
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
        origin=header.origin,
    )
    plan = Plan(header.plan, tuple(Task.from_json(task) for task in header.tasks))
    with confined():
        return run_paced(perform(made, plan, tape), jumps=True)


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


def _changed(cassette: Cassette, point: Envelope, changes: Sequence[tuple[str, Any]]) -> Cassette:
    """Return the cassette in which the row at the point says something else."""
    for pointer, value in changes:
        where = _SETTABLE.get(point.topic)
        first, *rest = tokens(pointer) or [""]
        if where is None or first != where:
            can = ", ".join(f"/{place} of {topic}" for topic, place in _SETTABLE.items())
            raise RecordingError(f"{pointer!r} of {point.topic!r} cannot be set; fork at one of these: {can}")
        put(point.body, pointer, value)  # refused here if it leads nowhere
        inner = "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in rest)
        cassette = _with(cassette, point, inner, value)
    return cassette


def _with(cassette: Cassette, point: Envelope, pointer: str, value: Any) -> Cassette:
    header, task = cassette.header, point.correlation_id
    if point.topic == TASK_COMPLETED:
        override = Override(task=task, pointer=pointer, value=value)
        return cassette.model_copy(update={"header": _update(header, overrides=(*header.overrides, override))})
    if point.topic == TASK_SUBMITTED:
        tasks = [put(one, pointer, value) if one["id"] == task else one for one in header.tasks]
        if tasks == list(header.tasks):
            raise RecordingError(f"task {task!r} was added by an agent; fork where that one completes, or changes it")
        return cassette.model_copy(update={"header": _update(header, tasks=tuple(tasks))})
    source, key = f"effect:{point.body['effect']}", point.body["key"]
    recordings = tuple(
        one.model_copy(update={"answer": put(one.answer, pointer, value)})
        if (one.task, one.source, one.request) == (task, source, key)
        else one
        for one in cassette.recordings
    )
    return cassette.model_copy(update={"recordings": recordings})


def _update(header: Header, **fields: Any) -> Header:
    return header.model_copy(update=fields)


class _Forking(RecordingJournal):
    """The journal of a fork: its rows up to the point are those of its parent, and then the world may be asked."""

    def __init__(
        self,
        settings: Settings,
        run: str,
        shared: Sequence[Row],
        gate: asyncio.Event,
        lineage: _Lineage,
        changes: Sequence[tuple[str, Any]],
        redact: Redactor | None,
    ) -> None:
        super().__init__(settings.journal, run, durability=settings.durability, redact=redact)
        self._shared, self._gate, self._lineage, self._changes = shared, gate, lineage, changes

    def append(self, envelope: Envelope) -> bool:
        envelope = self.redacted(envelope)
        self._lineage.look(envelope)
        number = len(self.rows)
        if number < len(self._shared):
            self._compare(self._shared[number], envelope, last=number == len(self._shared) - 1)
        taken = super().append(envelope)
        if len(self.rows) == len(self._shared):
            self._gate.set()
            loop = asyncio.get_running_loop()
            if isinstance(loop, PacedLoop):
                loop.take_its_time()
        return taken

    def _compare(self, recorded: Row, actual: Envelope, *, last: bool) -> None:
        expected = recorded.envelope
        for pointer, value in self._changes if last else ():
            expected = expected._replace(body=put(expected.body, pointer, value))
        if encode(recorded.run, actual) != encode(recorded.run, expected):
            raise RecordingError(
                f"row {recorded.sequence} comes out otherwise, before the point: {actual.topic} of "
                f"{actual.correlation_id!r}; what runs now is not what was recorded: see `pointsman replay`"
            )
