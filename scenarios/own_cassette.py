"""Owns the cassette of one test: recorded when the test runs first, played from then on, without its secrets."""

from __future__ import annotations

import re
from collections.abc import Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from orchestrator.clock import run_virtual
from orchestrator.confinement import confined
from orchestrator.offline import offline
from orchestrator.outside import Outside
from orchestrator.paced_loop import run_paced
from orchestrator.redaction import Profile, Redactor
from scenarios.cabinet import SUFFIX
from scenarios.cassette import Cassette, Header, RecordMode, load_cassette, save_cassette
from scenarios.errors import RecordingError, StrayReadError
from scenarios.mask import Mask
from scenarios.side_by_side import tell_miss, tell_unused
from scenarios.tape import Tape

T = TypeVar("T")
_FOLDER: Final = "cassettes"
_ODD: Final = re.compile(r"[^\w.\[\]-]+")


class OwnCassette:
    """Answers what the agents of a test read from outside, and fails the test where that is not what was recorded.

    Attributes:
        path: the file.
        mode: what is done with it: `none` or `new` where there is one, `all` where it is made.
    """

    def __init__(self, path: Path, mode: RecordMode, profile: Profile | None, *, build: bool = False) -> None:
        """Prepare.

        Args:
            path: the file.
            mode: as of `pointsman test --record`.
            profile: of redaction; None for none.
            build: whether this is a build, in which nothing is recorded.

        Raises:
            RecordingError: if there is no such file and none is to be made, or a build is to record.
            DocumentError: if it is damaged.
            RedactionError: if a rule fails.
        """
        there = path.is_file()
        self.path, self.mode = path, _settled(path, mode, there=there, build=build)
        self._mask: Mask | None = None
        self._kept = load_cassette(path) if there and self.mode != "all" else Cassette(header=Header(run=path.name))
        if profile is not None and (self.mode != "none" or self._kept.header.profile):
            self._mask = Mask(profile, kept=self._kept if there and self.mode != "all" else None)
            if not self._kept.header.profile:
                self._kept = self._kept.model_copy(update={"recordings": self._mask.masked(self._kept.recordings)})
            self._tape = Tape(self._kept, self.mode, redact=self._mask.redact, shelve=self._mask.shelve)
        else:
            self._tape = Tape(self._kept, self.mode)

    def of(self, task: str) -> Outside:
        """Return who answers the reads of a task: what an orchestrator takes as `outside_of`."""
        return self._tape.of(task)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end: offline and in virtual time if all is recorded; write what was recorded now.

        Raises:
            StrayReadError: if anything was read that is not recorded; it shows what is nearest to it.
        """
        __tracebackhide__ = True
        try:
            return self._record(main) if self.mode != "none" else self._play(main)
        finally:
            self._check(tell_miss(miss) for miss in self._tape.misses)

    def finish(self) -> None:
        """End the test.

        Raises:
            StrayReadError: if anything is recorded that was not read.
        """
        __tracebackhide__ = True
        if self.mode == "none":
            self._check(tell_unused(one) for one in self._tape.unused)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _play(self, main: Coroutine[Any, Any, T]) -> T:
        with offline(), confined():
            return run_virtual(self._through(main))

    def _record(self, main: Coroutine[Any, Any, T]) -> T:
        with confined():
            result = run_paced(self._through(main), jumps=True)
        if self._tape.made:
            self._save()
        return result

    async def _through(self, main: Coroutine[Any, Any, T]) -> T:
        async with self._tape:
            return await main

    def _save(self) -> None:
        recordings = (*(self._kept.recordings if self.mode == "new" else ()), *self._tape.made)
        run = self.path.name.removesuffix(SUFFIX)
        plain = Cassette(header=Header(run=run), recordings=recordings)
        save_cassette(self.path, plain if self._mask is None else self._mask.sealed(run, recordings))

    def _check(self, stray: Iterator[str]) -> None:
        __tracebackhide__ = True
        if lines := list(stray):
            raise StrayReadError(str(self.path), lines)


def _settled(path: Path, mode: RecordMode, *, there: bool, build: bool) -> RecordMode:
    """Return what is done with a file that is there, or is not.

    Raises:
        RecordingError: if that would be nothing.
    """
    if build and mode in ("new", "all"):
        raise RecordingError(f"{path}: CI is set, and a build records nothing; record it by hand, and commit the file")
    if there:
        return "none" if mode == "once" else mode
    if build or mode == "none":
        why = "CI is set, and a build records nothing" if build else "the record mode is none"
        raise RecordingError(f"{path}: there is no cassette, and {why}; run the test by hand, and commit the file")
    return "all"


def place_of(test: Path, name: str, indices: Mapping[str, int], profile: Profile | None) -> Path:
    """Return where the cassette of a test is: `cassettes/MODULE/TEST` beside its module.

    Args:
        test: file of the test.
        name: of the test in it, classes first; with its parameters in brackets.
        indices: which of its values each parameter has; they name the file where a value is a secret.
        profile: what is one; None for nothing.
    """
    if profile is not None and Redactor(profile, None, lambda rule, _secret: f"[{rule}:{0:012d}]")(name) != name:
        name = f"{name.partition('[')[0]}[{'-'.join(f'{key}{index}' for key, index in indices.items())}]"
    return test.parent / _FOLDER / test.stem / f"{_ODD.sub('_', name)[:150]}{SUFFIX}"
