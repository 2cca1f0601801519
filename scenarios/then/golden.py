"""What may be expected of a run as a whole: that it is as a golden one was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from orchestrator.journal import Row
from scenarios.divergence import Comparison, Divergence, compare
from scenarios.entry import Entry, Seconds, as_tuple
from scenarios.evidence import Evidence
from scenarios.expectation import Check, Expectation, UnjudgedError
from scenarios.mask import Mask
from scenarios.redacting import masked_rows
from scenarios.track import FileTrack, MemoryTrack
from scenarios.verdict import TOLERANCE, Kind

_SHOWN: Final = 120


class Tolerance(Entry):
    """What may differ from a golden run."""

    scores: float = Field(default=TOLERANCE, ge=0, le=1, description="by how much a score may move")
    time_s: Seconds | None = Field(default=None, description="seconds by which a row may move; any, if not given")
    classes: Annotated[tuple[Kind, ...], BeforeValidator(as_tuple, json_schema_input_type=Kind | tuple[Kind, ...])] = (
        Field(default=("environment",), description="classes of differences that are let pass")
    )


class MatchesGolden(Expectation):
    """The run is as the golden one was, which `pointsman golden update` puts into the file."""

    type: Literal["matches-golden", "not-matches-golden"]
    file: str = Field(min_length=1, description="beside the scenario or below, such as golden/refund.jsonl")
    tolerate: Tolerance = Tolerance()
    profile: str = Field(
        default="",
        description="of redaction of the golden run, after the scenario's: default, or a YAML file beside the scenario",
    )

    @property
    def files(self) -> Sequence[str]:
        """The golden run."""
        return [self.file]

    @property
    def redacts_by(self) -> str:
        """Its own profile."""
        return self.profile

    def rows(self, evidence: Evidence) -> Sequence[Row]:
        """Return the rows of a run as the golden one has them.

        Raises:
            PointsmanError: if the profile cannot be used, or a rule of it fails.
        """
        rows = evidence.stored if evidence.redact is None else masked_rows(evidence.stored, evidence.redact)
        own = evidence.profile(self.profile) if self.profile else None
        if own is None:
            return rows
        mask = Mask(own)
        mask.reserve(row.envelope.body for row in rows)
        return masked_rows(rows, mask.redact)

    def check(self, evidence: Evidence) -> Check:
        """Compare the two.

        Raises:
            UnjudgedError: if there is no golden run yet.
        """
        path = evidence.folder / self.file
        if not path.exists():
            raise UnjudgedError(f"there is no golden run {self.file!r} yet; make it with `pointsman golden update`")
        found = self.compare(path, evidence)
        untold = self.not_tolerated(found)
        passed = sum(found.counts.values()) - sum(found.counts[kind] for kind in untold)
        but = f" but for {passed} tolerated differences" if passed else ""
        return not untold, self.tell(found) if untold else f"it is the same{but}"

    def compare(self, path: Path, evidence: Evidence) -> Comparison:
        """Return what a run differs in from the golden one.

        Raises:
            PointsmanError: if the file holds no run.
        """
        rows = MemoryTrack(self.rows(evidence), "now")
        return compare(FileTrack(path), rows, tolerance=self.tolerate.scores, timing=self.tolerate.time_s)

    def not_tolerated(self, found: Comparison) -> list[str]:
        """Return the classes of differences that may not be."""
        return [kind for kind in found.counts if kind not in self.tolerate.classes]

    def tell(self, found: Comparison) -> str:
        """Return the first cause that is not tolerated, in one line, and how many more there are."""
        causes = [one for one in found.divergences if one.kind not in self.tolerate.classes]
        more = sum(found.counts[kind] for kind in self.not_tolerated(found)) - 1
        return _in_words(causes[0]) + (f"; and {more} more first causes" if more else "")


def _in_words(one: Divergence) -> str:
    about = f"{one.topic} of {one.task}" if one.task else one.topic
    rows = [f"row {side.row}" if side else "no row" for side in (one.recorded, one.actual)]
    changes = [
        f"{change.pointer or 'order'} was {change.recorded!r:.{_SHOWN}} and is {change.actual!r:.{_SHOWN}}"
        for change in one.changes[:1]
    ]
    return ", ".join([f"{one.kind}: {about} ({rows[0]} of the golden run, {rows[1]} now)", *changes])
