"""The reference of two runs in one file: who has each of them, who may take it, and what is on the disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

#: Ticks of the clock that leases go by; an owner beats at each one.
LEASE: Final = 3


@dataclass
class Holding:
    """Who has a run: the owner, if any, how often it has beaten, when last, and how long each observer saw no beat."""

    epoch: int = 0
    owner: str = ""
    beat: int = 0
    beaten: int = 0
    gone: bool = False
    watched: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def lives(self, observer: str, now: int) -> bool:
        """Say whether an observer has to take the owner for alive; it looks, and will remember."""
        if not self.owner or self.gone:
            return False
        epoch, beat, since = self.watched.get(observer, (0, 0, now))
        if (epoch, beat) != (self.epoch, self.beat):
            self.watched[observer] = self.epoch, self.beat, now
            return True
        return now - since < LEASE

    def take(self, observer: str, now: int) -> None:
        """Let another process have the run."""
        self.epoch, self.owner, self.beat, self.gone = self.epoch + 1, observer, 0, False
        self.beaten = now

    def live_on(self, now: int) -> None:
        """Beat, if a tick has passed since the last time."""
        if self.beaten < now:
            self.beat, self.beaten = self.beat + 1, now


@dataclass
class Reference:
    """What two runs in one file are: who has each, what is on the disk, and who has locked the file, standing still."""

    runs: dict[str, Holding] = field(default_factory=lambda: {"r": Holding(), "q": Holding()})
    rows: list[str] = field(default_factory=list)
    locked_by: str = ""
    now: int = 0

    def claim(self, who: str, run: str) -> bool:
        """Say whether a process gets a run."""
        if self.runs[run].lives(who, self.now) or self.locked_by:
            return False
        self.runs[run].take(who, self.now)
        return True

    def may_write(self, who: str, run: str, epoch: int) -> bool:
        """Say whether what an owner writes is taken."""
        return self.runs[run].epoch == epoch and self.locked_by in ("", who)
