"""`pointsman learn`: a challenger, from the cards or labelled requests and from what people said."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import session
from orchestrator.cli.comparison import compare
from orchestrator.cli.console import cell, note, print_json, show
from orchestrator.cli.options import AsJson, SettingsFile, examples
from orchestrator.cli.progress import Bar
from orchestrator.cli.train import epochs_of, recipe_for, require_torch, stage_of
from orchestrator.errors import PointsmanError

if TYPE_CHECKING:
    from rich.text import Text

    from orchestrator.agent import Agent
    from orchestrator.learning import Lessons
    from orchestrator.settings import Settings
    from router import Example, Verdict
    from router.trained_model import TrainedModel
    from router.training_config import TrainingConfig

EXAMPLES = examples("pointsman learn", "pointsman learn --data requests.jsonl --epochs 40 --out challenger.npz")


def learn(
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="FILE", help='JSON Lines of {"text": ..., "label": AGENT} instead of the cards.'
        ),
    ] = None,
    cards: Annotated[
        bool, typer.Option("--cards", help="From the cards of all installed agents; the default.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the model here, too.")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, max=10_000, help="Passes over the data.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of everything drawn at random; 0 if not given.")] = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Train a challenger on the cards and on the feedback in the journal; needs the extra `train`."""
    if cards and data is not None:
        raise typer.BadParameter("give either --data FILE or --cards", param_hint="--data")
    settings = session.open_settings(settings_file)
    lessons = session.read_lessons(settings)
    if not lessons.learnt:
        held = len(lessons.held_back)
        said = f"all of it ({held}) is held back to judge by" if held else "nobody has said anything to learn from"
        raise PointsmanError(f"{said}; say more with `pointsman feedback TASK --wrong --should-be AGENT`")
    agents = session.installed_agents(settings)
    chosen = {name: value for name, value in (("epochs", epochs), ("seed", seed)) if value is not None}
    budget = {"error_budget": settings.error_budget, "budget_mix": settings.budget_mix}
    model = _train(agents, data, lessons, {**chosen, **budget})
    about = _about(model, settings, data, lessons)
    if out is not None:
        model.save(out)
    from orchestrator.model_store import ModelStore

    stored = ModelStore(settings.model_folder).add(model, about)
    verdict = compare(settings, agents, stored.digest, lessons)
    if as_json:
        gain = None if verdict is None else dataclasses.asdict(verdict.gain)
        print_json({"model": str(stored.path), **stored.about, "gain": gain})
    else:
        show(*_view(stored.digest, settings, lessons, verdict))


def _train(agents: Sequence[Agent], data: Path | None, lessons: Lessons, chosen: dict[str, Any]) -> TrainedModel:
    from router import read_examples, read_out_of_scope

    profiles = [session.profile_of(agent.card) for agent in agents]
    labelled = read_examples(data) if data is not None else session.known_requests(agents, summaries=True)
    require_torch()
    from router.trained_model import train
    from router.training_config import recipe

    planned = recipe(_recipe(labelled, data), len(labelled), len(lessons.learnt))
    config = dataclasses.replace(planned, **chosen)
    labels = len({example.label for example in labelled})
    with Bar("learning", epochs_of(config, labels)) as bar:
        return train(
            labelled,
            config,
            profiles=sorted(profiles, key=lambda profile: profile.name),
            out_of_scope=read_out_of_scope(),
            feedback=[judgement.to_feedback() for judgement in lessons.learnt],
            progress=lambda done: bar.advance(stage_of(done)),
        )


def _recipe(labelled: list[Example], data: Path | None) -> TrainingConfig:
    from router.training_config import recipe_for_cards

    return recipe_for_cards(len({one.label for one in labelled})) if data is None else recipe_for(labelled)


def _about(model: TrainedModel, settings: Settings, data: Path | None, lessons: Lessons) -> dict[str, Any]:
    """Return how a challenger was made: from what, how, and with which feedback held back."""
    from orchestrator.clock import SystemClock
    from orchestrator.learning import tally
    from orchestrator.model_store import ModelStore

    return {
        "at": SystemClock().now(),
        "journal": str(settings.journal),
        "champion": ModelStore(settings.model_folder).champion,
        "data": "cards" if data is None else str(data),
        "learnt": tally(lessons.learnt)._asdict(),
        "held_back": tally(lessons.held_back)._asdict(),
        "rows_learnt": [judgement.sequence for judgement in lessons.learnt],
        "rows_held_back": [judgement.sequence for judgement in lessons.held_back],
        "training_digest": model.manifest.training_digest,
        "epochs": model.manifest.config["epochs"],
        "seed": model.manifest.config["seed"],
    }


def _view(digest: str, settings: Settings, lessons: Lessons, verdict: Verdict | None) -> Iterator[Text]:
    from orchestrator.learning import tally
    from orchestrator.router_of_run import name_model

    yield cell(f"challenger {digest}", "bold")
    yield cell(f"learnt from {len(lessons.learnt)} judged decisions: {tally(lessons.learnt)}")
    yield cell(f"held back {len(lessons.held_back)} to judge it by: {tally(lessons.held_back)}")
    if verdict is None:
        note("nothing was held back yet: one request in five is, so say more before you promote it")
        return
    gain = verdict.gain
    interval = f"95% interval {100 * gain.low:+.1f} to {100 * gain.high:+.1f}"
    yield cell(f"against {name_model(settings)}: {100 * gain.value:+.1f} points on these, {interval}")
    if verdict.lost:
        yield cell(f"known requests lost: {len(verdict.lost)}", "yellow")
    if verdict.passed:
        yield cell("try to let it in:").append(f" pointsman promote {digest}", "cyan")
    else:
        yield cell("that is not enough to let it in", "yellow")
