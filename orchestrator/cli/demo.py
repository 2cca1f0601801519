"""`pointsman demo`: a bank's release, weighed by the bundled agents, for real and in seconds."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, make_console, print_json, show
from orchestrator.cli.options import AsJson, SettingsFile, examples

if TYPE_CHECKING:
    from orchestrator.cli.execution import Execution
    from orchestrator.cli.run_view import TaskView

EXAMPLES = examples("pointsman demo", "pointsman demo --json | jq '.results[].agent'")
FOLDER: Final = Path(".pointsman/demo")
_NEXT: Final = (
    ("pointsman decisions", "who got what, and how sure"),
    ("pointsman test", "scenarios, in virtual time"),
    ("pointsman agents new my-agent", "an agent of your own"),
    ("pointsman train --data my.jsonl -o my.npz", "a router of your own: seconds"),
)


def demo(*, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Run a release with the bundled agents, explain one decision, and say what to try next."""
    from orchestrator.cli.execution import execute
    from orchestrator.plan import load_plan

    settings = session.open_settings(settings_file)
    plan = load_plan(_library() / "release.plan.yaml")
    settings = settings.model_copy(update={"workspace": _prepare_workspace()})
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
    raise typer.Exit(0 if done.ok else 1)


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
    show(cell("The files:").append(" ").append_text(cell(FOLDER, "cyan")), "", cell("Try next:", "bold"))
    width = max(len(command) for command, _ in _NEXT)
    for command, what in _NEXT:
        show(cell("").append("  ").append(command.ljust(width), "cyan").append(f"  {what}", "dim"))
