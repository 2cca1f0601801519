"""The deck: what one run of a scenario is played on: which loop, offline or not, and from which cassette."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from orchestrator.clock import VirtualClock
from orchestrator.confinement import confined
from orchestrator.interleaving import USUAL, Interleaving, run_interleaved
from orchestrator.offline import offline
from orchestrator.outside import OutsideOf
from orchestrator.paced_loop import run_paced
from orchestrator.redaction import Profile
from scenarios.cassette import Cassette, Header, RecordMode, load_cassette, save_cassette
from scenarios.mask import Mask
from scenarios.scenario import Scenario
from scenarios.tape import Tape, describe

T = TypeVar("T")


class Deck:
    """Plays a scenario's cassette, or records it.

    Without a cassette, and with one that is played only, the run is offline. What is recorded is written when the run
    has come to its end, and not before: a run that could not be played leaves the old cassette as it is.

    Attributes:
        held: at which choices of its interleaving somebody was held back; known after the run.
        mask: takes secrets out of what is written; None where nothing is to be taken out.
        tape: of its cassette; None where there is none.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        record: RecordMode | None = None,
        interleaving: Interleaving = USUAL,
        profile: Profile | None = None,
    ) -> None:
        """Prepare.

        Args:
            scenario: whose cassette.
            record: instead of the scenario's own mode; what has no cassette has no mode.
            interleaving: in which asyncio.Tasks take their steps; recording has the usual one.
            profile: of redaction; None for none.

        Raises:
            DocumentError: if the cassette is damaged, or there is none and none is to be recorded.
            RedactionError: if a rule fails.
        """
        self._scenario, self._interleaving, self._profile = scenario, interleaving, profile
        self.held: frozenset[int] = frozenset()
        self.tape: Tape | None = None
        self.mask: Mask | None = None
        self._kept, self._records = Cassette(header=Header(run=scenario.title)), False
        if scenario.cassette is None:
            self.mask = self._new_mask(None)
            return
        mode = record or scenario.record
        there = scenario.cassette.is_file()
        if mode == "once":
            mode = "none" if there else "all"
        if there or mode == "none":
            self._kept = load_cassette(scenario.cassette)
        self._records, self._mode = mode != "none", mode
        self.mask = self._new_mask(self._kept if mode in ("none", "new") else None)
        self.tape = self._new_tape()

    def _new_mask(self, kept: Cassette | None) -> Mask | None:
        return None if self._profile is None else Mask(self._profile, self._scenario.stated, kept)

    def _new_tape(self) -> Tape:
        """Return a tape; a cassette that was not redacted is played as it is, and redacted before it is added to."""
        if self.mask is None or (self._mode == "none" and not self._kept.header.profile):
            return Tape(self._kept, self._mode)
        if self._mode == "new" and not self._kept.header.profile:
            self._kept = self._kept.model_copy(update={"recordings": self.mask.masked(self._kept.recordings)})
        return Tape(self._kept, self._mode, redact=self.mask.redact, shelve=self.mask.shelve)

    @property
    def run_id(self) -> str:
        """Id of the run: that of the recorded one where there is one, for ids and chance follow from it."""
        return self._kept.header.run if self._plays_a_run else self._scenario.title

    @property
    def clock(self) -> VirtualClock:
        """Time of the run: it begins when the recorded one began."""
        return VirtualClock(self._kept.header.epoch) if self._plays_a_run else VirtualClock()

    @property
    def settings(self) -> dict[str, Any]:
        """Those of the recorded run, which the scenario's own replace."""
        return self._kept.header.settings if self._plays_a_run else {}

    @property
    def _plays_a_run(self) -> bool:
        return bool(self._kept.header.tasks) and not self._records

    @property
    def outside_of(self) -> OutsideOf | None:
        """Who answers what tasks read from outside; None where there is no cassette."""
        return None if self.tape is None else self.tape.of

    @asynccontextmanager
    async def playing(self) -> AsyncIterator[None]:
        """Play while the block runs."""
        if self.tape is None:
            yield
        else:
            async with self.tape:
                yield

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, and write what was recorded."""
        if self._records:
            with confined():
                result = run_paced(main, jumps=True)
            self._save()
            return result
        with offline(), confined():
            result, self.held = run_interleaved(main, self._interleaving)
        return result

    def findings(self) -> Iterator[str]:
        """Yield what the run read and the cassette does not hold, and what that holds and was not read, a line each."""
        if self.tape is None:
            return
        for miss in self.tape.misses:
            yield f"task {miss.task!r} reads {miss.source!r}: {describe(miss)}"
        for one in self.tape.unused if self._mode == "none" else ():
            yield f"recorded and not read: call {one.call} of task {one.task!r} to {one.source!r}: {one.request!r:.200}"

    def _save(self) -> None:
        if self.tape is None or self._scenario.cassette is None or not self.tape.made:
            return
        kept = self._kept.recordings if self._mode == "new" else ()
        recordings = tuple(sorted((*kept, *self.tape.made), key=lambda one: one.at))
        run = self._scenario.title
        plain = Cassette(header=Header(run=run), recordings=recordings)
        save_cassette(self._scenario.cassette, plain if self.mask is None else self.mask.sealed(run, recordings))
