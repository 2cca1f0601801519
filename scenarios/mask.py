"""Owns the mask: redaction of one run that is played on a cassette which others have as well: there is no key to it.

Secrets are numbered in the order in which they appear (`orchestrator.redaction.numbered`). What the scenario itself
states comes first, so that an account of its first step has one pseudonym in the recording and in each replay. What
agents bring gets the pseudonym that it had in the recording as soon as they ask with it (`scenarios.shelf`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.redaction import Numbered, Profile, RedactionError, Redactor, shape_of, without_number
from scenarios.cassette import Cassette, Header, Recording, digest_of
from scenarios.shelf import NumberedShelf


class Mask:
    """Takes secrets out of what a run writes, and finds what was recorded without them.

    Attributes:
        redact: the redactor.
        stated: which secrets are stated where, as a digest without them; empty where there are none.
    """

    def __init__(self, profile: Profile, stated: Iterable[Any] = (), kept: Cassette | None = None) -> None:
        """Prepare.

        Args:
            profile: what is a secret.
            stated: what is known before the run, always in the same order.
            kept: what is recorded already; None where nobody looks at it.

        Raises:
            RedactionError: if a rule fails.
        """
        self._numbered = Numbered()
        self.redact = Redactor(profile, None, self._numbered)
        found = [shape_of(self.redact(one))[1] for one in stated]
        self.stated = digest_of("", found) if any(found) else ""
        if kept is not None and kept.header.profile and kept.header.stated != self.stated:
            self._numbered.forget()  # the recording's was another: each gets its pseudonym where it is asked with
            self.stated = kept.header.stated
        self.reserve(() if kept is None else map(_said, kept.recordings))
        self._numbered.hold()

    def reserve(self, values: Iterable[Any]) -> None:
        """Give no pseudonym that is in these JSON values to anybody else."""
        for value in values:
            self._numbered.reserve(shape_of(value)[1])

    def for_router(self, text: str) -> str:
        """Return a request as the router sees it: what it decides depends on no number."""
        redacted: str = self.redact(text)
        return without_number(redacted)

    def shelve(self, recordings: Iterable[Recording]) -> NumberedShelf:
        """Keep recordings that are to be played."""
        return NumberedShelf(recordings, self._numbered)

    def sealed(self, run: str, recordings: Sequence[Recording]) -> Cassette:
        """Return a cassette as it is written; see `masked`."""
        header = Header(run=self.redact(run), profile=self.redact.profile.name, stated=self.stated)
        return Cassette(header=header, recordings=self.masked(recordings))

    def masked(self, recordings: Sequence[Recording]) -> tuple[Recording, ...]:
        """Return recordings as they are written, whether or not they were redacted before.

        Raises:
            RedactionError: if a rule fails, or the id of a task is a secret itself.
        """
        for task in {one.task for one in recordings}:
            if self.redact(task) != task:
                raise RedactionError("ids", "the id of a task looks like a secret, and ids are written: choose another")
        return tuple(map(self._masked, recordings))

    def _masked(self, one: Recording) -> Recording:
        source, request = self.redact([one.source, one.request])
        answer, fault = self.redact(one.answer), one.fault
        if fault is not None:
            text, attributes = self.redact([fault.text, dict(fault.attributes)])
            fault = replace(fault, text=text, attributes=attributes)
        about = {"source": source, "request": request, "digest": digest_of(source, request)}
        return one.model_copy(update={**about, "answer": answer, "fault": fault})


def _said(one: Recording) -> list[Any]:
    fault = [] if one.fault is None else [one.fault.text, dict(one.fault.attributes)]
    return [one.source, one.request, one.answer, *fault]
