"""The suite: what came of scenarios, which of them are flaky, and after that a page about their runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from scenarios.html.inert import inert
from scenarios.html.page import MOST_BYTES, Front, Told, make_report
from scenarios.html.parts import NOTHING, Link, section, table
from scenarios.html.story import tell
from scenarios.report import again, label, misses, summary

if TYPE_CHECKING:
    from orchestrator.errors import DocumentError
    from scenarios.runner import ScenarioResult
    from scenarios.series import Series

#: Scenarios whose runs are told, at most; those that did not pass come first.
MOST_TOLD: Final = 50
_SCENARIOS: Final = "What came of each, in virtual time. A title leads to what happened in its run."
_MISSED: Final = "What kept scenarios from passing, and files that were refused."
_FLAKINESS: Final = (
    "Scenarios that were run more than once: with other seeds, or in other orders of what could happen at the same"
    " moment. pass^k is the probability that so many runs drawn from these all passed."
)
_DRAWS: Final = (1, 2, 5)


def make_suite_report(
    results: Sequence[ScenarioResult], broken: Sequence[DocumentError] = (), most_bytes: int = MOST_BYTES
) -> Iterator[bytes]:
    """Yield a report about scenarios as the pieces of a file, the same ones for the same results.

    Args:
        results: what came of each.
        broken: files that were refused.
        most_bytes: of the whole file; what every page needs goes in even if there is no room for it.
    """
    chosen = _worst_first(results)[:MOST_TOLD]
    told = [Told(tell(one.stored[0].run, one.stored, f"{one.scenario.path}: {one.scenario.title}")) for one in chosen]
    places = {id(one): f"r{at}" for at, one in enumerate(chosen)}
    title = f"{len(results)} scenario{'' if len(results) == 1 else 's'}"
    yield from make_report(told, most_bytes, Front(title, show_suite(results, broken, places)))


def show_suite(results: Sequence[ScenarioResult], broken: Sequence[DocumentError], places: Mapping[int, str]) -> str:
    """Return the sections about all scenarios; `places` says where the run of a result is told, by its identity."""
    good = not broken and bool(results) and all(one.verdict == "passed" for one in results)
    said = inert(summary(results, broken))
    verdict = f'<p class="verdict {"good" if good else "bad"}">{"✓" if good else "✗"} {said}.</p>'
    left = len([one for one in results if one.stored]) - len(places)
    more = f'<p class="about">The runs of {left} more are not told here; play them with --name.</p>' if left > 0 else ""
    columns = ("scenario", "verdict", ">expectations met", ">virtual s", ">faults", "runs", "seed", "file")
    rows = [_row(one, places.get(id(one), "")) for one in results]
    listed = table("Scenarios", columns, rows) if rows else ""
    return (
        section("scenarios", "Scenarios", _SCENARIOS, verdict, listed, more)
        + _missed(results, broken)
        + _flaky(results)
    )


def _worst_first(results: Sequence[ScenarioResult]) -> list[ScenarioResult]:
    """Return those that have a run to be told."""
    return sorted((one for one in results if one.stored), key=lambda one: label(one) == "passed")


def _row(one: ScenarioResult, place: str) -> tuple[object, ...]:
    title = Link(one.scenario.title, place) if place else one.scenario.title
    met = f"{sum(outcome.met for outcome in one.outcomes)} of {len(one.outcomes)}"
    runs = f"{one.series.passed} of {one.series.total} passed" if one.series else "1"
    where = f"{one.scenario.path}:{one.scenario.row}" if one.scenario.row else str(one.scenario.path)
    return title, label(one), met, f"{one.duration_s:g}", len(one.strikes), runs, one.scenario.seed, where


def _missed(results: Sequence[ScenarioResult], broken: Sequence[DocumentError]) -> str:
    rows = [
        (one.scenario.title, line.removeprefix(f"{one.scenario.path}: ")) for one in results for line in misses(one)
    ]
    rows += [("refused", str(error)) for error in broken]
    return (
        section("missed", "What was missed", _MISSED, table("By scenario", ("scenario", "what"), rows)) if rows else ""
    )


def _flaky(results: Sequence[ScenarioResult]) -> str:
    rows = [
        (one.scenario.title, label(one), *_chances(one.series), again(one) or NOTHING) for one in results if one.series
    ]
    columns = ("scenario", "verdict", ">passed", ">required", *(f">pass^{count}" for count in _DRAWS), "the same again")
    return section("flakiness", "Flakiness", _FLAKINESS, table("Runs", columns, rows)) if rows else ""


def _chances(series: Series) -> tuple[object, ...]:
    chances = [f"{series.all_of(count):.2f}" if count <= series.total else NOTHING for count in _DRAWS]
    return f"{series.passed} of {series.total}", series.required, *chances
