"""Owns the shelf: what is recorded and was not yet read, and which of it a read is given."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from orchestrator.redaction import Numbered, shape_of
from scenarios.cassette import Recording, digest_of


class Shelf(Protocol):
    """Holds recordings."""

    def take(self, task: str, source: str, request: Any) -> Recording | None:
        """Return the recording of a read and hold it no more; None if there is none."""

    def liken(self, request: Any, recorded: Any) -> Any:
        """Return a request as it is told beside a recorded one: what may be the same is not told as a difference."""

    def hold(self) -> None:
        """Hear that the world is asked: what the request says is going to be written."""

    def left(self) -> Iterator[Recording]:
        """Yield what was not taken, in the order of the cassette."""


class ExactShelf:
    """Knows a read by its task, its source and its request; several alike by the order in which they were asked."""

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self._left: dict[tuple[str, str], deque[Recording]] = defaultdict(deque)
        for recording in sorted(recordings, key=lambda one: one.call):  # of two alike the one that was asked first
            self._left[recording.task, recording.digest].append(recording)

    def take(self, task: str, source: str, request: Any) -> Recording | None:
        """Return the first with the same digest."""
        left = self._left[task, digest_of(source, request)]
        return left.popleft() if left else None

    def liken(self, request: Any, recorded: Any) -> Any:  # noqa: ARG002 - the protocol's
        """Return it as it is."""
        return request

    def hold(self) -> None:
        """Do nothing."""

    def left(self) -> Iterator[Recording]:
        """Yield what was not taken."""
        return (recording for left in self._left.values() for recording in left)


class NumberedShelf:
    """Knows a read by its task, its source and the shape of its request: what is left of that without its secrets.

    Of those of one shape the first is taken whose pseudonyms can be those of the request: each secret of the run is
    one pseudonym of the recording, from its first read to its last. So no key is needed to find what was recorded, and
    it is found if a token is another one today; but not if one account stands where there was another before.
    """

    def __init__(self, recordings: Iterable[Recording], numbered: Numbered) -> None:
        """Take recordings that are redacted; `numbered` gives the pseudonyms of what is asked for."""
        self._numbered = numbered
        self._left: dict[tuple[str, str], list[tuple[Recording, tuple[str, ...]]]] = defaultdict(list)
        for recording in sorted(recordings, key=lambda one: one.call):
            shape, pseudonyms = shape_of([recording.source, recording.request])
            self._left[recording.task, digest_of("", shape)].append((recording, pseudonyms))

    def take(self, task: str, source: str, request: Any) -> Recording | None:
        """Return the first that the request can be; its secrets have the pseudonyms from there from then on."""
        shape, mine = shape_of([source, request])
        left = self._left[task, digest_of("", shape)]
        for at, (recording, theirs) in enumerate(left):
            pairs = dict(zip(mine, theirs, strict=True))
            if self._fits(pairs, mine, theirs):
                del left[at]
                for one, other in reversed(pairs.items()):
                    if one != other:
                        self._numbered.become(one, other)
                return recording
        return None

    def _fits(self, pairs: dict[str, str], mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
        """Return whether one renaming makes ours theirs, and no two of ours the same."""
        new = {one: other for one, other in pairs.items() if one != other}
        return (
            all(pairs[one] == other for one, other in zip(mine, theirs, strict=True))
            and len(set(new.values())) == len(new)
            and all(self._numbered.can_become(one, other) for one, other in new.items())
        )

    def liken(self, request: Any, recorded: Any) -> Any:
        """Return a request with the recorded texts in it that its own can be, once these secrets are known as those."""
        if isinstance(request, dict) and isinstance(recorded, dict):
            return {
                key: self.liken(value, recorded[key]) if key in recorded else value for key, value in request.items()
            }
        if isinstance(request, list) and isinstance(recorded, list):
            beyond = request[len(recorded) :]
            return [*(self.liken(*pair) for pair in zip(request, recorded, strict=False)), *beyond]
        (shape, mine), (other, theirs) = shape_of(request), shape_of(recorded)
        alike = shape == other and self._fits(dict(zip(mine, theirs, strict=True)), mine, theirs)
        return recorded if alike else request

    def hold(self) -> None:
        """Let the pseudonyms of what is recorded from now on be those that they are."""
        self._numbered.hold()

    def left(self) -> Iterator[Recording]:
        """Yield what was not taken."""
        return (recording for left in self._left.values() for recording, _ in left)
