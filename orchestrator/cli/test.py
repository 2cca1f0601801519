"""`pointsman test`: scenarios, in virtual time."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, print_json, show
from orchestrator.cli.options import AsJson, RouterFile, SettingsFile, examples

if TYPE_CHECKING:
    from orchestrator.errors import DocumentError
    from orchestrator.interleaving import Interleaving
    from orchestrator.settings import Settings
    from router import Router
    from scenarios.collector import Collection
    from scenarios.runner import ScenarioResult
    from scenarios.scenario import Scenario
    from scenarios.series import Series

#: As `scenarios.cassette.RecordMode`, which is not imported for `--help`.
Record = Literal["none", "once", "new", "all"]
EXAMPLES = examples(
    "pointsman test",
    "pointsman test uat/ --tag payments --junit report.xml",
    "pointsman test uat/ --schedules 200",
    "pointsman test uat/ --html report.html",
)
_MARKS: Final = {"passed": ("✓", "green"), "flaky": ("~", "yellow"), "failed": ("✗", "red"), "error": ("!", "red")}


def play_scenarios(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATHS", help="Scenario files and folders; the library if none.")
    ] = None,
    *,
    name: Annotated[str, typer.Option("-k", "--name", metavar="TEXT", help="Only titles that hold this text.")] = "",
    tags: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Only with this tag, or 'not TAG'; repeatable.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML for CI.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page to look at.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Instead of each scenario's own.")] = None,
    record: Annotated[
        Record | None,
        typer.Option("--record", help="What to do with cassettes, instead of what each scenario says itself."),
    ] = None,
    schedules: Annotated[
        int, typer.Option("--schedules", min=0, metavar="N", help="Run each in so many seeded interleavings as well.")
    ] = 0,
    interleaving: Annotated[
        str,
        typer.Option("--interleaving", metavar="WHICH", help="Run in this one, as reports name it: 17, hold:3,9."),
    ] = "",
    journals: Annotated[
        Path | None, typer.Option("--journal", metavar="DIR", help="Write each scenario's journal as JSON Lines.")
    ] = None,
    router: RouterFile = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Play scenarios in virtual time, offline; exit codes are pytest's, 4 for a file that is refused."""
    from scenarios.builds import refuse_in_build
    from scenarios.collector import LIBRARY, collect
    from scenarios.report import exit_code

    if record not in (None, "none"):
        refuse_in_build(
            os.environ, f"a build records nothing (--record {record}); record by hand, and commit the cassette"
        )
    settings = session.open_settings(settings_file, router)
    found = collect(paths or [LIBRARY], tags=tags or [], name=name)
    results = []
    order = _read_interleaving(interleaving)
    scenarios = [_changed(scenario, seed, schedules) for scenario in found.scenarios]
    for result in play(scenarios, settings, record, order):
        results.append(result)
        if not as_json:
            _show_result(result)
    _write_files(results, found, junit, journals, html)
    if as_json:
        print_json(_as_object(results, found))
    else:
        _show_end(results, found)
    raise typer.Exit(int(exit_code(results, found.broken)))


def play(
    scenarios: Iterable[Scenario], settings: Settings, record: Record | None, interleaving: Interleaving
) -> Iterator[ScenarioResult]:
    """Yield results as they come; agents are found once, the router begins each scenario without candidates."""
    from scenarios.runner import run_scenario

    agents = session.installed_agents(settings)

    def router() -> Router:
        return session.open_router(None, settings, [])

    for scenario in scenarios:
        yield run_scenario(
            scenario, agents=agents, router=router, record=record, interleaving=interleaving, redact=settings.redact
        )


def _changed(scenario: Scenario, seed: int | None, schedules: int) -> Scenario:
    """Return a scenario with another seed, and in more interleavings."""
    runs = scenario.runs.model_copy(update={"schedules": max(schedules, scenario.runs.schedules)})
    return dataclasses.replace(scenario, seed=scenario.seed if seed is None else seed, runs=runs)


def _read_interleaving(text: str) -> Interleaving:
    from orchestrator.interleaving import USUAL, parse_interleaving

    try:
        return parse_interleaving(text) if text else USUAL
    except ValueError:
        problem = f"{text!r} is none; write a seed such as 17, or choices such as hold:3,9"
        raise typer.BadParameter(problem, param_hint="--interleaving") from None


def _show_result(result: ScenarioResult) -> None:
    from scenarios.report import label, misses

    mark, style = _MARKS[label(result)]
    runs = f", {result.series}" if result.series else ""
    about = f" ({len(result.outcomes)} expectations, {result.duration_s:g} s of virtual time{runs})"
    show(cell(mark, style).append(" ").append_text(cell(result.scenario.title)).append(about, "dim"))
    for strike in result.strikes:
        show(cell("").append("  ").append_text(cell(f"fault: {strike.words}", "dim")))
    for line in misses(result):
        show(cell("").append("  ").append_text(cell(line, style)))


def _show_end(results: list[ScenarioResult], found: Collection) -> None:
    from scenarios.report import summary

    for error in found.broken:
        show(cell(f"broken: {error}", "red"))
    line = cell(summary(results, found.broken), "bold")
    show(line.append(f", {found.deselected} deselected", "dim") if found.deselected else line)


def _write_files(
    results: list[ScenarioResult], found: Collection, junit: Path | None, journals: Path | None, html: Path | None
) -> None:
    from scenarios.report import to_junit

    if junit is not None:
        session.write_atomically(junit, [to_junit(results, found.broken).encode()])
    if journals is not None:
        _write_journals(journals, results)
    if html is not None:
        from scenarios.html.suite import make_suite_report

        session.write_atomically(html, make_suite_report(results, found.broken))


def _write_journals(folder: Path, results: Iterable[ScenarioResult]) -> None:
    """Write each journal under the name of its file and row; a name that is taken gets a number."""
    folder.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    for result in results:
        scenario = result.scenario
        stem = scenario.path.name.split(".")[0] + (f"-{scenario.row}" if scenario.row else "")
        names = (stem if number == 1 else f"{stem}-again-{number}" for number in range(1, len(taken) + 2))
        name = next(name for name in names if name not in taken)
        taken.add(name)
        session.write_atomically(folder / f"{name}.jsonl", [result.journal])


def _as_object(results: list[ScenarioResult], found: Collection) -> dict[str, Any]:
    from scenarios.report import exit_code

    return {
        "ok": int(exit_code(results, found.broken)) == 0,
        "scenarios": [_result(result) for result in results],
        "broken": [_broken(error) for error in found.broken],
        "deselected": found.deselected,
    }


def _result(result: ScenarioResult) -> dict[str, Any]:
    scenario = result.scenario
    outcomes = [
        {"met": outcome.met, "expected": outcome.expected, "happened": outcome.happened} for outcome in result.outcomes
    ]
    return {
        "title": scenario.title,
        "file": str(scenario.path),
        "tags": list(scenario.tags),
        "seed": scenario.seed,
        "verdict": result.verdict,
        "error": result.error,
        "duration_s": result.duration_s,
        "expectations": outcomes,
        "faults": [dataclasses.asdict(strike) for strike in result.strikes],
        "faults_in_vain": list(result.in_vain),
        "reads_astray": list(result.astray),
        "series": None if result.series is None else _series(result.series),
    }


def _series(series: Series) -> dict[str, Any]:
    failing = None if series.failing is None else str(series.failing)
    found = None if series.found is None else str(series.found)
    counts = {"passed": series.passed, "total": series.total, "required": series.required, "flaky": series.flaky}
    return {**counts, "failing": failing, "found": found}


def _broken(error: DocumentError) -> dict[str, Any]:
    where = {"file": error.path, "line": error.line, "column": error.column}
    return {**where, "problem": error.problem, "hint": error.hint}
