"""Owners of the runs in one journal file against their reference: claims, beats, stops, crashes and writes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from orchestrator.errors import JournalError, RunOwnedError, StaleOwnerError
from orchestrator.journal import JournalReader
from orchestrator.journal.claim import Claim
from orchestrator.journal.process import Process
from orchestrator.messages import Envelope
from tests.orchestrator.models.journals import SteppedJournal, a_folder, cheap_commits
from tests.orchestrator.models.machine import Machine
from tests.orchestrator.models.owner_reference import LEASE, Reference


@dataclass
class Owner:
    """A process with a run, or on its way to one.

    Attributes:
        pending: what it wrote and did not wait for.
        failed: whether its journal has said so.
    """

    claim: Claim
    run: str
    name: str
    journal: SteppedJournal | None = None
    pending: list[str] = field(default_factory=list)
    failed: bool = False

    @property
    def epoch(self) -> int:
        return self.journal.epoch if self.journal else 0

    @property
    def real(self) -> SteppedJournal:
        assert self.journal is not None
        return self.journal

    @property
    def running(self) -> bool:
        return self.journal is not None and not self.journal.paused


PROCESSES: Final = ("A", "B", "C")
NUMBERS: Final = st.integers(0, 5)


class OwnerMachine(Machine):
    """Drives real claims and journals on one real file; their threads and their clock go by its steps."""

    def __init__(self) -> None:
        super().__init__()
        folder = self.undo.enter_context(a_folder())
        self.undo.enter_context(cheap_commits())
        self.gone: set[int] = set()
        gone = self.gone
        self.undo.enter_context(mock.patch.object(Process, "is_known_to_be_gone", lambda process: process.pid in gone))
        self.undo.enter_context(mock.patch("orchestrator.journal.claim.this_process", self._process))
        self.path = folder / "j.db"
        self.model = Reference()
        self.owners: dict[str, Owner] = {}
        self.names = self.pids = 0
        self.undo.callback(self._leave)

    def _process(self, lease_s: float) -> Process:
        return Process("here", "this boot", self.pids, "", lease_s)

    def _envelope(self, who: str) -> Envelope:
        self.names += 1
        return Envelope(f"{who}{self.names}", "task.noted", "t", "", 1.0, {})

    def _commit(self, owner: Owner) -> bool:
        """Tell the reference that an owner's rows reach the file, if they may; say whether they did."""
        taken = not owner.failed and self.model.may_write(owner.name, owner.run, owner.epoch)
        if taken:
            self.model.rows += owner.pending
            self.model.locked_by = ""
        owner.failed = owner.failed or not taken
        owner.pending.clear()
        return taken

    def _beat(self, owner: Owner) -> None:
        """Tell the reference that an owner beats, if it may; one that has locked the file does with what it commits."""
        holding = self.model.runs[owner.run]
        if owner.failed or self.model.locked_by not in ("", owner.name):
            return
        if holding.epoch == owner.epoch:
            holding.live_on(self.model.now)
        else:
            owner.failed = True

    def _some(self, number: int, *, running: bool) -> Owner:
        owners = self.running if running else self.still
        return owners[number % len(owners)]

    @property
    def running(self) -> list[Owner]:
        return [owner for owner in self.owners.values() if owner.running]

    @property
    def still(self) -> list[Owner]:
        return [owner for owner in self.owners.values() if owner.journal is not None and not owner.running]

    def _linger(self) -> None:
        """Let a moment pass, in which what nobody waits for reaches the file, the oldest first."""
        for owner in sorted(self.running, key=lambda owner: [int(name[1:]) for name in owner.pending]):
            if owner.pending:
                self._commit(owner)
        self.do(asyncio.sleep(0.1))

    def _attempt(self, who: str, run: str) -> None:
        owner = self.owners.get(who)
        if owner is None or owner.run != run:
            if owner is not None:
                owner.claim.undo()
            claim = Claim(self.path, run, "os-crash-may-lose", float(LEASE), now=lambda: float(self.model.now))
            owner = self.owners[who] = Owner(claim, run, who)
            for holding in self.model.runs.values():
                holding.watched.pop(who, None)
        self.pids += 1
        expected = self.model.claim(who, run)

        async def attempt() -> SteppedJournal:
            owner.claim.attempt()
            return SteppedJournal(owner.claim, run)

        try:
            owner.journal = self.do(attempt())
        except RunOwnedError:
            assert not expected, "refused, though nobody has it"
        else:
            assert expected, "taken from an owner that may be alive"
            assert owner.epoch == self.model.runs[run].epoch

    def _refusal(self, work: Coroutine[Any, Any, None]) -> JournalError | None:
        try:
            self.do(work)
        except JournalError as error:
            return error
        return None

    def _note(self, owner: Owner) -> None:
        envelope = self._envelope(owner.name)

        async def append() -> None:
            owner.real.append(envelope)

        self.do(append())
        owner.pending.append(envelope.id)

    def _stand_still(self, owner: Owner, *, halfway: bool) -> None:
        halfway = halfway and bool(owner.pending) and not owner.failed

        async def stop() -> None:
            owner.real.stand_still(halfway=halfway)

        may_write = self.model.may_write(owner.name, owner.run, owner.epoch)
        self.do(stop())
        if halfway and may_write:
            self.model.locked_by = owner.name
        elif halfway and not self.model.locked_by:  # it was found out at once
            owner.failed = True
            owner.pending.clear()

    # -- the rules ---------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.running) + len(self.still) < len(PROCESSES))
    @rule(number=NUMBERS, run=st.sampled_from("rrrq"))
    def claim(self, number: int, run: str) -> None:
        free = [who for who in PROCESSES if who not in self.owners or self.owners[who].journal is None]
        self._attempt(free[number % len(free)], run)

    @precondition(lambda self: any(not owner.failed for owner in self.running))
    @rule(number=NUMBERS)
    def note(self, number: int) -> None:
        """Write without waiting."""
        sound = [owner for owner in self.running if not owner.failed]
        self._note(sound[number % len(sound)])

    @precondition(lambda self: self.running)
    @rule(number=NUMBERS)
    def write(self, number: int) -> None:
        """Write and wait: what is acknowledged is on the disk, and nothing is acknowledged to who lost the run."""
        owner = self._some(number, running=True)
        envelope, failed, locked = self._envelope(owner.name), owner.failed, self.model.locked_by
        owner.pending.append(envelope.id)
        expected = self._commit(owner)

        async def write() -> None:
            owner.real.append(envelope)
            await owner.real.sync()

        refused = self._refusal(write())
        assert (refused is None) == expected, refused or "acknowledged to somebody whose run it is no more"
        assert expected or failed or locked or isinstance(refused, StaleOwnerError)

    @precondition(lambda self: self.running)
    @rule(number=NUMBERS, halfway=st.booleans())
    def stand_still(self, number: int, halfway: bool) -> None:  # noqa: FBT001 - drawn
        """Stop a process, perhaps between writing and committing: then the file is locked."""
        self._stand_still(self._some(number, running=True), halfway=halfway)

    @precondition(lambda self: self.running)
    @rule(number=NUMBERS, noted=st.booleans(), ticks=st.integers(2, 4))
    def be_taken_for_dead(self, number: int, noted: bool, ticks: int) -> None:  # noqa: FBT001 - drawn
        """Stand still for about a lease while another process wants the run; these steps alone rarely fall together."""
        owner = self._some(number, running=True)
        if noted and not owner.failed:
            self._note(owner)
        self._stand_still(owner, halfway=False)
        free = [who for who in PROCESSES if who not in self.owners or self.owners[who].journal is None]
        for _ in range(3 if free else 0):
            if free[0] not in self.owners or self.owners[free[0]].journal is None:
                self._attempt(free[0], owner.run)
                self.time_passes(ticks)

    @precondition(lambda self: self.still)
    @rule(number=NUMBERS)
    def go_on(self, number: int) -> None:
        owner = self._some(number, running=False)

        async def go_on() -> None:
            owner.real.go_on()
            await asyncio.sleep(0)

        self._beat(owner)
        self.do(go_on())
        if owner.pending:
            self._commit(owner)
        self._linger()

    @precondition(lambda self: self.running)
    @rule(number=NUMBERS)
    def close(self, number: int) -> None:
        owner = self._some(number, running=True)
        holding = self.model.runs[owner.run]
        taken = self._commit(owner) if owner.pending or owner.failed else True
        assert (self._refusal(owner.real.aclose()) is None) == taken
        if holding.epoch == owner.epoch and not self.model.locked_by:
            holding.owner = ""
        del self.owners[owner.name]

    @precondition(lambda self: self.owners)
    @rule(number=NUMBERS, seen=st.booleans())
    def crash(self, number: int, seen: bool) -> None:  # noqa: FBT001 - drawn
        """End a process as by kill -9: the file is as of its last commit; others may see that it is gone, or not."""
        owner = self.owners.pop(sorted(self.owners)[number % len(self.owners)])
        if owner.journal is None:
            owner.claim.undo()
            return
        holding = self.model.runs[owner.run]
        if seen:
            self.gone |= {Process.from_text(text).pid for text in self._owner_texts(owner)}
            holding.gone = holding.gone or holding.epoch == owner.epoch
        if self.model.locked_by == owner.name:
            self.model.locked_by = ""
        owner.real.kill()

    def _owner_texts(self, owner: Owner) -> list[str]:
        query = "SELECT owner FROM owners WHERE run = ? AND epoch = ? AND owner <> ''"
        return [text for (text,) in owner.real._connection.execute(query, (owner.run, owner.epoch))]

    @rule(ticks=st.integers(1, 4))
    def time_passes(self, ticks: int) -> None:
        """Who runs writes what it has not waited for, and beats."""
        self._linger()
        for _ in range(ticks):
            self.model.now += 1
            for owner in self.running:
                owner.real.step()
                self._beat(owner)
        self._linger()

    @precondition(lambda self: self.path.exists() and not self.model.locked_by)
    @rule()
    def remark(self) -> None:
        """Who owns no run may write beside the owner."""
        envelope = self._envelope("x")

        async def remark() -> None:
            claim = Claim(self.path, "r", "os-crash-may-lose", None)
            claim.attempt()
            journal = SteppedJournal(claim, "r")
            journal.append(envelope)
            await journal.aclose()

        self.do(remark())
        self.model.rows.append(envelope.id)

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def the_file_holds_what_was_taken_in_order_and_nothing_else(self) -> None:
        if self.path.exists() and any(holding.epoch for holding in self.model.runs.values()):
            with JournalReader(self.path) as reader:
                assert [row.envelope.id for row in reader.rows()] == self.model.rows
                assert reader.verify().rows == len(self.model.rows)

    @invariant()
    def who_has_lost_a_run_hears_of_it(self) -> None:
        for owner in self.owners.values():
            if owner.journal is not None:
                assert (owner.journal._failure is not None) == owner.failed

    def _leave(self) -> None:
        for owner in self.owners.values():
            if owner.journal is not None:
                owner.journal.kill()
            else:
                owner.claim.undo()
