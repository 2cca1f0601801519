"""The replay: a recorded run again, offline and from its cassette alone."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.agent import Agent
from orchestrator.budget import Budget
from orchestrator.clock import VirtualClock, run_virtual
from orchestrator.confinement import confined
from orchestrator.journal import Row
from orchestrator.messages import Result, Task
from orchestrator.offline import offline
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.redaction import Redactor, saying
from orchestrator.settings import Settings
from router import Router
from scenarios.cassette import Cassette, Recording
from scenarios.errors import CassetteError
from scenarios.interview import Interview, refuse
from scenarios.mask import Mask
from scenarios.prompter import prompted
from scenarios.recording import RehearsalJournal, passing, perform, seeing
from scenarios.tape import Miss, Tape, as_it_is


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to.

    Attributes:
        rows: its journal.
        misses: reads that the cassette does not hold.
        unused: recordings that were not read.
        results: by task id; none where it ended at a question whose answer the cassette does not hold.
    """

    rows: tuple[Row, ...]
    misses: tuple[Miss, ...]
    unused: tuple[Recording, ...]
    results: dict[str, Result]

    @property
    def journal(self) -> bytes:
        """The rows as canonical JSON Lines: the same bytes as those of the recorded run, if nothing differs."""
        return b"".join(row.canonical + b"\n" for row in self.rows)


def replay(
    cassette: Cassette,
    *,
    agents: Iterable[Agent],
    router: Router | None = None,
    workspace: Path | None = None,
    router_file: Path | None = None,
    redact: Redactor | None = None,
) -> Replayed:
    """Replay a recorded run: in virtual time, offline, asking nobody.

    Args:
        cassette: of the run.
        agents: those that there are now.
        router: None takes `router_file`, or the champion, or the bundled one.
        workspace: folder that relative paths in payloads start from; None for the current one.
        router_file: a model.
        redact: what the recording went through: `redactor_of` its cassette.

    Raises:
        DocumentError: if the cassette's settings are none of this version.
        RedactionError: if an agent makes a secret of its own, and the key is not there that names it as then.
        PointsmanError: if the run cannot start.
    """
    header = cassette.header
    settings = Settings.model_validate(
        {**header.settings, "log_format": "off", "workspace": workspace or Path(), "router": router_file}
    )
    plan = Plan(header.plan, tuple(Task.from_json(task) for task in header.tasks))
    budget = None if header.budget is None else Budget.model_validate(header.budget)
    journal = RehearsalJournal(header.run, redact)
    tape = Tape(cassette, "none", redact=redact or as_it_is)
    made = Orchestrator(
        settings,
        agents=prompted(agents, header.overrides),
        router=seeing(router, settings, redact),
        journal=journal,
        clock=VirtualClock(header.epoch),
        run=header.run,
        budget=budget,
        outside_of=tape.of,
        origin=header.ancestry(),
    )
    interview = Interview(tape, refuse, redact or as_it_is)
    results: dict[str, Result] = {}
    said = _for_logs(redact)
    with offline(), confined(), passing(redact), saying(said), suppress(CassetteError):
        # A question that is not recorded is among the misses.
        results = run_virtual(perform(made, plan, tape, interview))
    return Replayed(tuple(journal.written.rows), tuple(tape.misses), tape.unused, results)


def _for_logs(redact: Redactor | None) -> Redactor | None:
    """Return what redacts logs: without the key another one, for what is logged is compared with nothing."""
    return redact if redact is None or redact.mark else Mask(redact.profile).redact
