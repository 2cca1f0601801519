"""The reference of a bus: which queue an envelope goes into, who waits for what, and how each delivery ends."""

from __future__ import annotations

from dataclasses import dataclass, field


def matches(pattern: list[str], topic: list[str]) -> bool:
    """Say whether a topic matches a pattern, token by token."""
    if not pattern or not topic:
        return not pattern and not topic
    if pattern[0] == ">":
        return True
    return pattern[0] in ("*", topic[0]) and matches(pattern[1:], topic[1:])


def priority(name: str) -> int:
    """Return what a subscription with priorities goes by."""
    return int(name) % 3


@dataclass
class Queue:
    """What one subscription is: envelopes by name, publishers and owners who wait, and how many ended in which way."""

    patterns: tuple[str, ...]
    maxsize: int
    by_priority: bool
    queued: list[str] = field(default_factory=list)
    in_hand: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    got: dict[int, str] = field(default_factory=dict)
    handled: int = 0
    dead: int = 0
    expired: int = 0
    ahead: int = 0  # of those queued, so many were on their way to an owner already: they come first
    closed: bool = False

    def hears(self, topic: str) -> bool:
        """Say whether an envelope on this topic is for it."""
        return any(matches(pattern.split("."), topic.split(".")) for pattern in self.patterns)

    def offer(self, name: str) -> None:
        """Take an envelope, or let its publisher wait."""
        if self.owners:
            self._give(self.owners.pop(0), name)
        elif len(self.queued) < self.maxsize and not self.blocked:
            self._put(name)
        else:
            self.blocked.append(name)

    def ask(self, owner: int) -> None:
        """Let an owner have the next envelope, or wait for it."""
        if self.queued:
            self._give(owner, self.queued.pop(0))
            self.ahead = max(0, self.ahead - 1)
            while self.blocked and len(self.queued) < self.maxsize:
                self._put(self.blocked.pop(0))
        else:
            self.owners.append(owner)

    def give_back(self, name: str) -> None:
        """Take an envelope in hand back, past the bound."""
        self.in_hand.remove(name)
        if self.owners:
            self._give(self.owners.pop(0), name)
        else:
            self._put(name)

    def take_back(self, name: str) -> None:
        """Take an envelope back from an owner that was cancelled before it knew of it."""
        self.in_hand.remove(name)
        if self.owners:
            self._give(self.owners.pop(0), name)
        else:
            self.queued.insert(0, name)
            self.ahead += 1

    def close(self) -> None:
        """Let everything expire that has not ended."""
        self.expired += len(self.queued) + len(self.in_hand) + len(self.blocked)
        self.closed = True
        for left in (self.queued, self.in_hand, self.blocked, self.owners):
            left.clear()

    @property
    def ends(self) -> tuple[int, int, int, int, int]:
        return self.handled, self.dead, self.expired, len(self.queued), len(self.in_hand)

    def _give(self, owner: int, name: str) -> None:
        self.in_hand.append(name)
        self.got[owner] = name

    def _put(self, name: str) -> None:
        self.queued.append(name)
        if self.by_priority:  # sorted is stable: equals stay in order of arrival
            self.queued[self.ahead :] = sorted(self.queued[self.ahead :], key=priority, reverse=True)
