"""`pointsman promote` and `pointsman rollback`: who serves, changed only by one that has shown it is better."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from orchestrator.cli import session
from orchestrator.cli.comparison import compare
from orchestrator.cli.console import cell, print_json, show, table
from orchestrator.cli.options import AsJson, SettingsFile, examples
from orchestrator.errors import ModelStoreError, PointsmanError

if TYPE_CHECKING:
    from orchestrator.agent import Agent
    from orchestrator.model_store import ModelStore, Step
    from orchestrator.settings import Settings
    from router import Verdict

PROMOTE_EXAMPLES = examples(
    "pointsman promote",
    'pointsman promote 3f2a --force --reason "the champion fails in production"',
    "pointsman promote 20261126T0815 --out dispute.scenario.yaml",
)
ROLLBACK_EXAMPLES = examples("pointsman rollback", "pointsman rollback --to bundled")


class Check(NamedTuple):
    """One thing that a challenger must show: whether it did, and in figures."""

    name: str
    passed: bool
    figures: str


def promote(
    challenger: Annotated[
        str,
        typer.Argument(
            metavar="CHALLENGER|RUN", help="How its digest begins; the youngest model if not given. With --out: a run."
        ),
    ] = "",
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Make this scenario of a recorded run; no model is touched."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write over a scenario that is there.")] = False,
    known: Annotated[
        Path | None,
        typer.Option(
            "--known", metavar="FILE", help='More requests that must stay right: JSON Lines of {"text", "label"}.'
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Let it in whatever the checks say; needs --reason.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is forced in; goes on record.")] = "",
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Let a challenger serve if it passes three checks; exit with 1, and nothing changed, if it does not.

    With --out a recorded run becomes a scenario: its tasks, its cassette and inputs, and what came of each task.
    """
    from orchestrator.model_store import ModelStore

    if out is not None:
        from orchestrator.cli.recorded import promote_recorded

        promote_recorded(challenger, out, settings_file, overwrite=overwrite, as_json=as_json)
        return
    if force != bool(reason.strip()):
        raise typer.BadParameter("--force and --reason go together", param_hint="--force")
    settings = session.open_settings(settings_file)
    if settings.router is not None:
        raise PointsmanError(
            f"the settings name router {settings.router}: it serves, whoever is champion; unset it first"
        )
    store = ModelStore(settings.model_folder)
    digest = _choose(store, challenger)
    checks = list(_examine(settings, digest, known))
    passed = all(check.passed for check in checks)
    step = None
    if passed or force:
        step = store.promote(digest, _now(), reason=reason)
        _put_on_record(settings, step, [check._asdict() for check in checks])
    if as_json:
        outcome = [check._asdict() for check in checks]
        print_json({"challenger": digest, "passed": passed, "promoted": step is not None, "checks": outcome})
    else:
        _show(digest, checks, step)
    raise typer.Exit(0 if step is not None else 1)


def rollback(
    *,
    to: Annotated[
        str,
        typer.Option("--to", metavar="DIGEST", help="An earlier champion, or `bundled`; the last one if not given."),
    ] = "",
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Let the model serve again that served before."""
    from orchestrator.model_store import BUNDLED, ModelStore

    settings = session.open_settings(settings_file)
    step = ModelStore(settings.model_folder).roll_back(_now(), to)
    _put_on_record(settings, step, [])
    if as_json:
        print_json(step.model_dump())
    else:
        show(cell(f"rolled back: {step.after or BUNDLED} serves instead of {step.before}", "green"))


def _choose(store: ModelStore, challenger: str) -> str:
    """Return the digest of the model that is meant, or of the youngest."""
    champion = store.champion  # first of all: a damaged store is refused
    if challenger:
        digest = store.find(challenger).digest
    else:
        models = store.models()
        if not models:
            raise PointsmanError(f"{store.folder} holds no challenger; train one with `pointsman learn`")
        digest = models[-1].digest
    if digest == champion:
        raise ModelStoreError(digest, "serves already; train another with `pointsman learn`")
    return digest


def _examine(settings: Settings, digest: str, known: Path | None) -> list[Check]:
    from router import read_examples

    agents = session.installed_agents(settings)
    further = read_examples(known) if known is not None else []
    lessons = session.read_lessons(settings)
    verdict = compare(settings, agents, digest, lessons, further)
    of = len(session.known_requests(agents)) + len(further)
    return [_play(settings, digest, agents), _keeps(verdict, of), _gains(verdict)]


def _play(settings: Settings, digest: str, agents: Sequence[Agent]) -> Check:
    """Play the bundled scenarios with the challenger."""
    from orchestrator.router_of_run import load_stored
    from scenarios.collector import LIBRARY, collect
    from scenarios.runner import run_scenario

    found = collect([LIBRARY])
    results = [
        run_scenario(one, agents=agents, router=lambda: load_stored(digest, settings)) for one in found.scenarios
    ]
    failed = [result.scenario.title for result in results if result.verdict != "passed"]
    figures = f"{len(results) - len(failed)} of {len(results)} pass" + (f"; not: {', '.join(failed)}" if failed else "")
    return Check("the bundled scenarios pass", not failed and not found.broken, figures)


def _keeps(verdict: Verdict | None, of: int) -> Check:
    name = "nothing known is lost"
    if verdict is None:
        return Check(name, passed=False, figures="not judged: no feedback is held back yet")
    lost = verdict.lost
    which = f", such as {lost[0].text!r} to {lost[0].label}" if lost else ""
    return Check(name, not lost, f"{len(lost)} of {of} requests lost{which}")


def _gains(verdict: Verdict | None) -> Check:
    name = "the gain is above zero"
    if verdict is None:
        return Check(name, passed=False, figures="not judged: no feedback is held back yet")
    gain = verdict.gain
    interval = f"95% interval {100 * gain.low:+.1f} to {100 * gain.high:+.1f}"
    figures = f"{100 * gain.value:+.1f} points on {gain.decisions} held back, {interval}"
    return Check(name, gain.low > 0, figures)


def _show(digest: str, checks: list[Check], step: Step | None) -> None:
    from orchestrator.model_store import BUNDLED

    def mark(check: Check) -> Any:
        return cell("yes", "green") if check.passed else cell("no", "red")

    show(
        table((f"challenger {digest}", "", "figures"), [(check.name, mark(check), check.figures) for check in checks]),
        "",
    )
    if step is None:
        show(cell("not promoted: nothing changed", "red"))
    else:
        forced = f", forced: {step.reason}" if step.forced else ""
        show(cell(f"promoted: {step.after} serves instead of {step.before or BUNDLED}{forced}", "green"))


def _put_on_record(settings: Settings, step: Step, checks: list[dict[str, Any]]) -> None:
    from orchestrator.postscript import MODELS_RUN, Entry, append
    from orchestrator.topics import ROUTER_PROMOTED, ROUTER_ROLLED_BACK

    topic = ROUTER_PROMOTED if step.what == "promoted" else ROUTER_ROLLED_BACK
    body = {**step.model_dump(exclude={"at", "what"}), **({"checks": checks} if checks else {})}
    append(settings, [Entry(MODELS_RUN, topic, body)])


def _now() -> float:
    from orchestrator.clock import SystemClock

    return SystemClock().now()
