"""Scenario: given some agents, when these steps happen, then that is expected."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, get_args

from pydantic import Field

from orchestrator.redaction import DEFAULT, NONE
from scenarios.cassette import RecordMode
from scenarios.entry import Entry, Texts
from scenarios.expectation import Expectation
from scenarios.faults import AnyFault
from scenarios.given import Given
from scenarios.series import ONCE, Runs
from scenarios.then import (
    Abstained,
    Asked,
    Completed,
    Cost,
    Count,
    Ended,
    Latency,
    MatchesGolden,
    Never,
    NoSecrets,
    Order,
    Published,
    ResultIs,
    Routed,
    StateIs,
)
from scenarios.when import Step, StepEntry

AnyExpectation = Annotated[
    Routed
    | Abstained
    | Completed
    | Ended
    | Asked
    | Order
    | ResultIs
    | StateIs
    | Published
    | Never
    | Count
    | Latency
    | Cost
    | NoSecrets
    | MatchesGolden,
    Field(discriminator="type"),
]
#: The types of expectation that come with us.
BUILT_IN: Final[tuple[type[Expectation], ...]] = get_args(get_args(AnyExpectation)[0])


class CassetteEntry(Entry):
    """Where what agents read from outside is kept."""

    path: str = Field(min_length=1, description="file, relative to the scenario")
    record: RecordMode = Field(
        default="none", description="none: play it; once: record it if it is not there; new: add what is new; all: anew"
    )


class ScenarioEntry(Entry):
    """A scenario file."""

    scenario: str = Field(min_length=1, max_length=200)
    description: str = ""
    tags: Texts = ()
    seed: int = 0
    given: Given
    when: tuple[StepEntry, ...] = Field(min_length=1)
    faults: tuple[AnyFault, ...] = ()
    then: tuple[AnyExpectation, ...] = Field(min_length=1)
    cassette: CassetteEntry | None = None
    redact: str = Field(
        default="",
        description="profile of redaction of all that is left behind: default, none, or a YAML file beside the scenario"
        "; with a cassette it is default, else that of the settings",
    )
    runs: Runs = ONCE
    examples: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One concrete scenario: of an outline, one row of its examples.

    Attributes:
        name: as the file states it, placeholders filled in.
        path: the file.
        row: number of the row of examples, from 1; 0 where there are none.
        tags: the file's and the row's.
        seed: for everything drawn at random.
        given: what is there before the first step.
        when: the steps.
        then: what is expected; never empty.
        workspace: folder to copy before the run; None for an empty one.
        history: file of a `git fast-import` stream for `given.git`; None where there is none.
        description: free text.
        faults: what goes wrong.
        cassette: file of what agents read from outside; None where they read nothing.
        record: what to do with it.
        runs: how often to run it.
        redact: profile of redaction: `default`, `none`, or a path; empty where it says nothing of it.
    """

    name: str
    path: Path
    row: int
    tags: tuple[str, ...]
    seed: int
    given: Given
    when: tuple[Step, ...]
    then: tuple[Expectation, ...]
    workspace: Path | None = None
    history: Path | None = None
    description: str = ""
    faults: tuple[AnyFault, ...] = ()
    cassette: Path | None = None
    record: RecordMode = "none"
    runs: Runs = ONCE
    redact: str = ""

    @property
    def stated(self) -> list[Any]:
        """What it says itself of what is going to happen, as JSON, always in the same order."""
        tasks = [{**task.to_json(), "id": ""} for step in self.when for task in step.tasks]
        return [*tasks, self.given.model_dump(mode="json", include={"scripted", "people"}, exclude_defaults=True)]

    def profile(self, otherwise: str = "") -> str:
        """Return its profile of redaction: its own, or else that of the settings; with a cassette never none unsaid."""
        return self.redact or otherwise or (DEFAULT if self.cassette is not None else NONE)

    @property
    def title(self) -> str:
        """Name, and the row where there is one."""
        return f"{self.name} [{self.row}]" if self.row else self.name
