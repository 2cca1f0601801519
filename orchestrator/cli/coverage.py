"""`pointsman coverage`: what a suite of scenarios exercised, and by name what it did not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, note, print_json, show, table
from orchestrator.cli.options import AsJson, RouterFile, SettingsFile, examples

if TYPE_CHECKING:
    from rich.text import Text

    from orchestrator.messages import Envelope
    from orchestrator.settings import Settings
    from scenarios.coverage import Coverage, Dimension

EXAMPLES = examples(
    "pointsman coverage uat/", "pointsman coverage uat/ --fail-under 80 --of agents --of endings",
    "pointsman coverage journals/payments.jsonl --json",
)  # fmt: skip
_NAMES: Final = ("agents", "routes", "edges", "outcomes", "endings", "faults")
_ROWS: Final = ".jsonl"


def coverage(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATHS",
            help="Scenario files and folders, which are run, and .jsonl files of rows, which are read; the library if "
            "none.",
        ),
    ] = None,
    *,
    fail_under: Annotated[
        float, typer.Option("--fail-under", min=0, max=100, metavar="N", help="Exit with 1 below so many percent.")
    ] = 0.0,
    of: Annotated[
        list[str] | None,
        typer.Option("--of", metavar="WHAT", help=f"Count only this: {', '.join(_NAMES)}; repeatable."),
    ] = None,
    router: RouterFile = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Say which agents, routes, edges, outcomes, endings and faults a suite exercised; list the others by name.

    Exit codes are those of `pointsman test`: 4 for a file that is refused, 5 where there is nothing to run or read.
    """
    from scenarios.coverage import total_percent

    _check(of or [])
    settings = session.open_settings(settings_file, router)
    found, problems = _measure(paths or [], settings)
    counted = [one for one in found.dimensions() if one.name in (of or _NAMES)]
    reached = total_percent(counted)
    ok = found.runs > 0 and not problems.broken and reached >= fail_under
    if as_json:
        about = {"ok": ok, "runs": found.runs, "percent": round(reached, 1), "fail_under": fail_under}
        print_json({**about, **problems.to_json(), "dimensions": {one.name: one.to_json() for one in counted}})
    else:
        _show(counted, reached, found.runs)
        problems.tell()
        if reached < fail_under:
            note(f"{reached:.1f} % is below {fail_under:g} %")
    raise typer.Exit(problems.exit_code or (0 if ok else 1))


class _Problems:
    """What kept scenarios from being run, or from passing."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self.missed: list[str] = []
        self.nothing = False

    @property
    def exit_code(self) -> int:
        """As `pointsman test` has it; 0 for scenarios that did not pass: what they exercised, they exercised."""
        return 4 if self.broken else 5 if self.nothing else 0

    def to_json(self) -> dict[str, Any]:
        return {"broken": self.broken, "not_passed": self.missed}

    def tell(self) -> None:
        for line in self.broken:
            note(f"broken: {line}")
        for title in self.missed:
            note(f"did not pass: {title}")
        if self.nothing:
            note("no scenario was collected")


def _check(of: list[str]) -> None:
    """Pass the names of dimensions.

    Raises:
        typer.BadParameter: if one is none; suggests the nearest.
    """
    from orchestrator.documents import suggest

    for name in of:
        if name not in _NAMES:
            raise typer.BadParameter(f"{name!r} is none of them; {suggest(name, _NAMES)}", param_hint="--of")


def _measure(paths: list[Path], settings: Settings) -> tuple[Coverage, _Problems]:
    """Run and read what is named; agents are found once, the router begins each scenario without candidates."""
    from scenarios.collector import LIBRARY, collect
    from scenarios.coverage import Coverage
    from scenarios.runner import run_scenario

    agents, problems = session.installed_agents(settings), _Problems()
    found = Coverage(agent.card.name for agent in agents)
    for path in (path for path in paths if path.suffix == _ROWS):
        for run, rows in _read(path):
            found.hear(run, rows)
    scenarios = [path for path in paths if path.suffix != _ROWS] or ([] if paths else [LIBRARY])
    collected = collect(scenarios)
    problems.broken += map(str, collected.broken)
    for scenario in collected.scenarios:
        result = run_scenario(scenario, agents=agents, router=lambda: session.open_router(None, settings, []))
        found.hear(scenario.title, result.rows)
        if result.verdict != "passed":
            problems.missed.append(scenario.title)
    problems.nothing = not found.runs
    return found, problems


def _read(path: Path) -> Iterator[tuple[str, list[Envelope]]]:
    """Yield the runs of a file of rows, as `test --journal` and `journal export` write it.

    Raises:
        DocumentError: if it cannot be read, or a line is no row.
    """
    from scenarios.exchange.journal import read_rows

    runs: dict[str, list[Envelope]] = {}
    for run, row in read_rows(path):
        runs.setdefault(run, []).append(row)
    yield from runs.items()


def _show(counted: list[Dimension], reached: float, runs: int) -> None:
    rows = [(one.name, len(one.exercised), one.total, _share(one.percent)) for one in counted]
    total = sum(one.total for one in counted)
    rows.append(("all", sum(len(one.exercised) for one in counted), total, _share(reached)))
    show(table(("what", ">exercised", ">of", ">percent"), rows), "")
    missing = [(one.name, name) for one in counted for name in _together(one)]
    if missing:
        show(table(("not exercised", ""), missing), "")
    show(cell(f"{runs} {'run' if runs == 1 else 'runs'}", "dim"))


def _together(one: Dimension) -> Iterator[str]:
    """Yield what is missing: edges one by one, faults by agent, the rest on one line."""
    if one.name == "edges":
        yield from one.missing
    elif one.name == "faults":
        by_agent: dict[str, list[str]] = {}
        for name in one.missing:
            kind, _, agent = name.partition(" at ")
            by_agent.setdefault(agent, []).append(kind)
        yield from (f"{', '.join(kinds)} at {agent}" for agent, kinds in by_agent.items())
    elif one.missing:
        yield ", ".join(one.missing)


def _share(value: float) -> Text:
    return cell(f"{value:.0f}", "green" if value == 100 else "yellow" if value >= 50 else "red")
