"""`pointsman demo`: a bank's release, weighed by the bundled agents, for real and in seconds."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, make_console, print_json, show
from orchestrator.cli.options import AsJson, SettingsFile, examples

if TYPE_CHECKING:
    from orchestrator.cli.execution import Execution
    from orchestrator.cli.run_view import TaskView
    from orchestrator.plan import Plan
    from orchestrator.settings import Settings

EXAMPLES = examples("pointsman demo", "pointsman demo --json | jq '.results[].agent'", "pointsman demo --fortnight")
FOLDER: Final = Path(".pointsman/demo")
_NEXT: Final = (
    ("pointsman decisions", "who got what, and how sure"),
    ("pointsman test", "scenarios, in virtual time"),
    ("pointsman agents new my-agent", "an agent of your own"),
    ("pointsman train --data my.jsonl -o my.npz", "a router of your own: seconds"),
)
#: Who should have got each request of the fortnight.
SAID: Final = "fortnight.said.jsonl"
_THEN: Final = (
    (f"pointsman feedback --data {FOLDER / SAID}", "put it on record"),
    ("pointsman learn", "train a challenger on it"),
    ("pointsman promote", "let it serve, if it passes"),
)


def demo(
    *,
    fortnight: Annotated[
        bool,
        typer.Option("--fortnight", help="Requests in words that no card has, to say afterwards who should get them."),
    ] = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Run a release with the bundled agents, explain one decision, and say what to try next."""
    from orchestrator.cli.execution import execute
    from orchestrator.plan import load_plan

    settings = session.open_settings(settings_file)
    plan = load_plan(_library() / ("fortnight.plan.yaml" if fortnight else "release.plan.yaml"))
    settings = settings.model_copy(update={"workspace": _prepare_workspace()})
    if fortnight:
        _run_fortnight(plan, settings, as_json=as_json)
        return
    if not as_json:
        show(
            cell("A release waits for its sign-off. Nobody says who does what: the router reads each request.", "bold")
        )
        show("")
    done = execute(plan, settings, make_console(stderr=as_json))
    if as_json:
        from orchestrator.cli.run import as_object

        print_json(as_object(done))
    else:
        _explain_one(done)
        _say_what_next(done)
    raise typer.Exit(done.exit_code)


def _run_fortnight(plan: Plan, settings: Settings, *, as_json: bool) -> None:
    """Run requests of which many go astray; that they do is no failure of the demo."""
    from orchestrator.cli.execution import execute
    from orchestrator.cli.run import as_object, show_results

    shutil.copyfile(_library() / SAID, FOLDER / SAID)
    done = execute(plan, settings, make_console(stderr=as_json))
    if as_json:
        print_json(as_object(done))
        return
    show_results(done)
    show("", cell("What people said of it afterwards:").append(" ").append_text(cell(FOLDER / SAID, "cyan")), "")
    _list_commands(_THEN)


def _library() -> Path:
    import scenarios

    return Path(scenarios.__path__[0]) / "library"


def _prepare_workspace() -> Path:
    """Return a fresh copy of the demo's inputs, with a git repository made of its history."""
    from scenarios.given import Git, Given
    from scenarios.scenario import Scenario
    from scenarios.workspace import prepared

    inputs = _library() / "inputs" / "release"
    scenario = Scenario(
        name="demo",
        path=_library() / "release.plan.yaml",
        row=0,
        tags=(),
        seed=0,
        given=Given(agents=("all",), git=Git(history="history.fast-import", into="repository")),
        when=(),
        then=(),
        workspace=inputs,
        history=inputs / "history.fast-import",
    )
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    with prepared(scenario) as workspace:
        shutil.copytree(workspace, FOLDER, symlinks=True)
    return FOLDER


def _explain_one(done: Execution) -> None:
    """Explain the decision that was nearest to going the other way: the one that people ask about."""
    from orchestrator.cli.why import explain, show_explanation

    learned = [view for view in done.view.tasks.values() if view.confidence is not None]
    if not learned:
        return
    closest = min(learned, key=_margin)
    show("", cell(f"The closest call: pointsman why {closest.id}", "bold"), "")
    with session.open_journal(None, done.journal) as reader:
        show_explanation(explain(reader, closest.id, done.run))


def _margin(view: TaskView) -> float:
    return float((view.decision or {}).get("margin", 0.0))


def _say_what_next(done: Execution) -> None:
    show("", cell("On record:").append(" ").append_text(cell(done.journal, "cyan")))
    show(cell("The files:").append(" ").append_text(cell(FOLDER, "cyan")), "")
    _list_commands(_NEXT)


def _list_commands(commands: Sequence[tuple[str, str]]) -> None:
    show(cell("Try next:", "bold"))
    width = max(len(command) for command, _ in commands)
    for command, what in commands:
        show(cell("").append("  ").append(command.ljust(width), "cyan").append(f"  {what}", "dim"))
