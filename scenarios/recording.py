"""The recording: a run for real, with all that its handlers read from outside kept in a cassette."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, Self

from orchestrator.agent import Agent
from orchestrator.budget import Budget
from orchestrator.clock import SystemClock, VirtualClock, new_run_id
from orchestrator.confinement import confined
from orchestrator.foreign import PASSED
from orchestrator.inbox import Reply
from orchestrator.journal import BlockingJournal, Durability, MemoryJournal
from orchestrator.logs import make_logger
from orchestrator.messages import Envelope, Result
from orchestrator.orchestrator import Orchestrator
from orchestrator.paced_loop import run_paced
from orchestrator.plan import Plan
from orchestrator.redaction import RedactedRouter, Redactor, Rows, Tally, redacted_task, saying
from orchestrator.router_of_run import load_router
from orchestrator.settings import Settings
from router import Router
from scenarios.cabinet import cassette_of
from scenarios.cassette import Cassette, Footer, Header, Recording, encode_line
from scenarios.errors import RecordingError
from scenarios.interview import Ask, Interview
from scenarios.mailbox import Mailbox
from scenarios.people import answering
from scenarios.tape import Tape, as_it_is

#: Settings that say where things are or how they are shown, and decide nothing of what happens.
_ASIDE: Final = frozenset(
    (
        "journal",
        "workspace",
        "router",
        "models",
        "shadow",
        "durability",
        "lease_s",
        "log_format",
        "strict_plugins",
        "redact",
    )
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run that was recorded.

    Attributes:
        run: its id in the journal.
        cassette: the file.
        reads: how many recordings it holds.
        results: by task id.
        redacted: what was taken out, by rule.
    """

    run: str
    cassette: Path
    reads: int
    results: dict[str, Result]
    redacted: Mapping[str, Tally] = field(default_factory=dict)


def mailbox_of(settings: Settings, run: str) -> Mailbox:
    """Return where the process that records a run gets answers from others."""
    return Mailbox(cassette_of(settings, run).parent, run, every_s=settings.answers_every_s)


def record(
    plan: Plan,
    settings: Settings,
    *,
    agents: Iterable[Agent],
    router: Router | None = None,
    budget: Budget | None = None,
    into: Path | None = None,
    run: str = "",
    redact: Redactor | None = None,
    jumps: bool = False,
    on_row: Callable[[Envelope], None] = lambda _row: None,
    ask: Ask | None = None,
) -> Recorded:
    """Run a plan and record it: its rows in the journal of the settings, its reads in a cassette.

    Args:
        plan: what to run.
        settings: of the run; their journal takes it.
        agents: those that there are.
        router: None takes the one that the settings name.
        budget: what the run may use at most.
        into: file of the cassette; None takes `cassette_of`.
        run: id of the run; made of date and time where it is empty.
        redact: takes secrets out of whatever is written; agents have the real values, the router does not.
        jumps: let timers pass at once while no call is outside; otherwise the run takes the time that it takes.
        on_row: hears of each row.
        ask: puts what tasks ask to people; None waits for what they say by `pointsman answer`.

    Raises:
        RecordingError: if there is such a cassette already.
        AnswerError: if what people say is no answer to what they were asked.
        RedactionError: if a rule of redaction fails; what it looked at is not written.
        PointsmanError: if the run cannot start, or its journal cannot be written.
    """
    real = SystemClock()
    run = run or new_run_id(real)
    path = into or cassette_of(settings, run)
    clock = VirtualClock(round(real.now(), 3))
    header = _header(plan, settings, run, clock.epoch, budget, redact)
    journal = RecordingJournal(settings.journal, run, durability=settings.durability, on_row=on_row, redact=redact)
    with journal, CassetteFile(path, header) as file, mailbox_of(settings, run) as mailbox:
        tape = Tape(Cassette(header=header), "all", redact=redact or as_it_is, sink=file.write)
        interview = Interview(tape, journal.before(ask or mailbox.take), redact or as_it_is)
        made = Orchestrator(
            settings, agents=agents, router=seeing(router, settings, redact), journal=journal, clock=clock, run=run,
            budget=budget, outside_of=tape.of,
            logger=None if redact is None else make_logger(settings.log_format, now=clock.now, redact=redact),
        )  # fmt: skip
        with confined(), keeping_quiet(redact):
            results = run_paced(perform(made, plan, tape, interview), jumps=jumps)
        tallies: Mapping[str, Tally] = {} if redact is None else redact.tallies
        if redact is not None:
            file.end(Footer(redacted=dict(tallies)))
    return Recorded(run, path, len(tape.made), results, tallies)


def _header(
    plan: Plan, settings: Settings, run: str, epoch: float, budget: Budget | None, redact: Redactor | None
) -> Header:
    return Header(
        run=run,
        epoch=epoch,
        plan=plan.name if redact is None else redact(plan.name),
        tasks=tuple(task.to_json() if redact is None else redacted_task(task.to_json(), redact) for task in plan.tasks),
        budget=None if budget is None else budget.to_json(),
        settings=settings.model_dump(mode="json", exclude=set(_ASIDE), exclude_defaults=True),
        workspace=str(settings.workspace),
        profile="" if redact is None else str(redact.profile.source or redact.profile.name),
        key="" if redact is None else redact.mark,
    )


@contextmanager
def passing(redact: Redactor | None) -> Iterator[None]:
    """Let what errors say be redacted before it is cut to its length, by whatever runs in the block."""
    before = PASSED.set(redact)
    try:
        yield
    finally:
        PASSED.reset(before)


@contextmanager
def keeping_quiet(redact: Redactor | None) -> Iterator[None]:
    """Let what errors say, and what is logged, be redacted, by whatever runs in the block."""
    with passing(redact), saying(redact):
        yield


def seeing(router: Router | None, settings: Settings, redact: Redactor | None) -> Router | None:
    """Return a router that sees redacted requests, where there is redaction: its record follows from theirs."""
    return router if redact is None else RedactedRouter(router or load_router(settings), redact)


async def perform(orchestrator: Orchestrator, plan: Plan, tape: Tape, interview: Interview) -> dict[str, Result]:
    """See a plan to its end: the whole program of a recorded run, and of its replay."""
    async with tape, orchestrator, answering(interview.answer, orchestrator):
        await orchestrator.submit_plan(plan)
        return await orchestrator.results()


class RecordingJournal(BlockingJournal):
    """The journal of a recorded run."""

    def __init__(
        self,
        path: Path,
        run: str,
        *,
        durability: Durability,
        on_row: Callable[[Envelope], None] = lambda _row: None,
        redact: Redactor | None = None,
    ) -> None:
        """Open it; `on_row` hears of each row, as it is written: without what `redact` takes out."""
        super().__init__(path, run, durability=durability)
        self._on_row, self._rows = on_row, None if redact is None else Rows(redact)

    def redacted(self, envelope: Envelope) -> Envelope:
        """Return an envelope as it is written."""
        return envelope if self._rows is None else self._rows(envelope)

    def append(self, envelope: Envelope) -> bool:
        """Take an envelope; what is to be redacted stays in memory, where the run reads it."""
        written = self.redacted(envelope)
        self._on_row(written)
        return self.keep(envelope, written)

    def before(self, ask: Ask) -> Ask:
        """Return the same, of questions that are on the disk by then, where people read them."""

        async def asked(question: Envelope) -> Reply:
            self.flush()
            return await ask(question)

        return asked


class RehearsalJournal(MemoryJournal):
    """The journal of a replay.

    Attributes:
        written: as the recording wrote it: the same journal, where nothing is redacted.
    """

    def __init__(self, run: str, redact: Redactor | None = None) -> None:
        """Prepare; `redact` as the recording had it."""
        super().__init__(run)
        self._redacted = None if redact is None else Rows(redact)
        self.written = self if redact is None else MemoryJournal(run)

    def append(self, envelope: Envelope) -> bool:
        """Take an envelope."""
        if self._redacted is not None:
            self.written.append(self._redacted(envelope))
        return super().append(envelope)


class CassetteFile:
    """A cassette that grows with the run: after a crash it holds all that was released."""

    def __init__(self, path: Path, header: Header) -> None:
        self._path, self._header = path, header
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Begin the file.

        Raises:
            RecordingError: if it is there already, or cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb", buffering=0)
        except FileExistsError:
            raise RecordingError(f"{self._path}: there is a cassette already; name another file") from None
        except OSError as error:
            raise RecordingError(f"{self._path}: cannot be written: {error.strerror}; name another file") from error
        self._append(encode_line(self._header))
        return self

    def __exit__(self, *_: object) -> None:
        """Let it be on the disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()

    def write(self, recording: Recording) -> None:
        """Append a recording.

        Raises:
            RecordingError: if it cannot be written.
        """
        self._append(encode_line(recording))

    def end(self, footer: Footer) -> None:
        """Append what is known at the end alone.

        Raises:
            RecordingError: if it cannot be written.
        """
        self._append(encode_line(footer))

    def _append(self, line: bytes) -> None:
        if self._file is None:
            return
        try:
            self._file.write(line)
        except OSError as error:
            raise RecordingError(f"{self._path}: cannot be written: {error.strerror}; the run ends here") from error
