"""Golden: the runs that scenarios are held against, what new runs would make of them, and how they are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from orchestrator.errors import PointsmanError
from orchestrator.files import write_atomically
from scenarios.divergence import Comparison
from scenarios.evidence import Evidence
from scenarios.history import History
from scenarios.runner import ScenarioResult
from scenarios.scenario import Scenario
from scenarios.series import ONCE
from scenarios.then.golden import MatchesGolden

State = Literal["same", "new", "changed", "refused"]


@dataclass(frozen=True, slots=True)
class Golden:
    """One golden run, and what has come of its scenario now.

    Attributes:
        path: its file.
        result: of the scenario.
        state: `same`: nothing that is not tolerated differs. `new`: there is no file. `changed`: it would be replaced.
            `refused`: it would not, for the run is no good one.
        about: one line that says what differs, or why it is refused.
        comparison: with the run in the file; None where there is none.
        journal: what an update writes.
    """

    path: Path
    result: ScenarioResult
    state: State
    about: str
    comparison: Comparison | None = None
    journal: bytes = b""

    @property
    def pending(self) -> bool:
        """Whether an update would write it."""
        return self.state in ("new", "changed")


def once(scenario: Scenario) -> Scenario:
    """Return a scenario that is run once, in the usual order and with its own seed: that run is the golden one."""
    return replace(scenario, runs=ONCE)


def review(results: Iterable[ScenarioResult]) -> list[Golden]:
    """Return the golden runs of the scenarios that were played, in their order; nothing is written.

    Raises:
        PointsmanError: if two scenarios, or two rows of one, share a file: each would undo the other.
    """
    found: dict[Path, Golden] = {}
    for result in results:
        for expectation in _goldens(result):
            path = (result.scenario.path.parent / expectation.file).resolve()
            if path in found:
                both = f"{found[path].result.scenario.title!r} and {result.scenario.title!r}"
                raise PointsmanError(f"{path}: {both} share it; name a file for each, with a <column> for each row")
            found[path] = _look(path, result, expectation)
    return list(found.values())


def update(golden: Golden) -> bool:
    """Write a golden run if it is new or has changed; return whether it was. No other file is touched.

    Raises:
        OSError: if it cannot be written.
    """
    if golden.pending:
        golden.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(golden.path, [golden.journal])
    return golden.pending


def _goldens(result: ScenarioResult) -> Iterator[MatchesGolden]:
    return (one for one in result.scenario.then if isinstance(one, MatchesGolden) and one.type == "matches-golden")


def _look(path: Path, result: ScenarioResult, expectation: MatchesGolden) -> Golden:
    if result.error:
        return Golden(path, result, "refused", f"the scenario could not be played: {result.error}")
    others = [one.message for one in result.outcomes if not one.met and not isinstance(one.expectation, MatchesGolden)]
    others += [*result.in_vain, *result.astray]
    if others:
        return Golden(path, result, "refused", others[0])
    evidence = Evidence(History(result.rows), stored=result.stored, folder=result.scenario.path.parent)
    journal = b"".join(row.canonical + b"\n" for row in expectation.rows(evidence))
    if not path.exists():
        return Golden(path, result, "new", f"{len(result.rows)} rows", journal=journal)
    try:
        found = expectation.compare(path, evidence)
    except PointsmanError as error:
        return Golden(path, result, "changed", str(error), journal=journal)
    if not expectation.not_tolerated(found):
        return Golden(path, result, "same", f"{len(result.rows)} rows", found, journal)
    return Golden(path, result, "changed", expectation.tell(found), found, journal)
