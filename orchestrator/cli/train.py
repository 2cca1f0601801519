"""`pointsman train`: a router of your own, from labelled requests or from the cards of the installed agents."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, note, print_json, show
from orchestrator.cli.measurement import evaluate_file, show_figures
from orchestrator.cli.options import AsJson, SettingsFile, examples
from orchestrator.cli.progress import Bar
from orchestrator.errors import PointsmanError

if TYPE_CHECKING:
    from router import Example
    from router.trained_model import TrainedModel
    from router.training_config import Progress, TrainingConfig

EXAMPLES = examples(
    "pointsman train --data requests.jsonl --dev dev.jsonl --out router.npz",
    "pointsman train --cards --out router.npz",
    "pointsman train --data requests.jsonl --out router.npz --error-budget 0.05",
)

#: Examples a label, on average, below which they are few.
_FEW: Final = 20


def train(
    *,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where the model goes, atomically.")],
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FILE", help='JSON Lines of {"text": ..., "label": AGENT}.')
    ] = None,
    cards: Annotated[bool, typer.Option("--cards", help="Train on the cards of all installed agents.")] = False,
    dev: Annotated[
        Path | None, typer.Option("--dev", metavar="FILE", help="Measure the model on these requests.")
    ] = None,
    out_of_scope: Annotated[
        Path | None, typer.Option("--out-of-scope", metavar="FILE", help="Requests for nobody: one a line, or .jsonl.")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, max=10_000, help="Passes over the data.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of everything drawn at random; 0 if not given.")] = None,
    error_budget: Annotated[
        float | None,
        typer.Option("--error-budget", metavar="SHARE", help="At most this share of what it routes may be wrong."),
    ] = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Train a router from scratch: seconds on a laptop, no download; needs the extra `train`."""
    if (data is None) != cards:
        raise typer.BadParameter("give either --data FILE or --cards", param_hint="--data")
    if error_budget is not None and not 0 < error_budget < 1:
        raise typer.BadParameter(f"{error_budget:g} is no share; choose above 0, below 1", param_hint="--error-budget")
    chosen = {name: value for name, value in (("epochs", epochs), ("seed", seed)) if value is not None}
    if cards and (chosen or out_of_scope is not None):
        raise typer.BadParameter("the cards' recipe is fixed: the same cards give the same bytes", param_hint="--cards")
    if data is None:
        model = _train_on_cards(settings_file, error_budget)
    else:
        model = _train_on_file(data, out_of_scope, {**chosen, "error_budget": error_budget})
    model.save(out)
    figures = evaluate_file(session.open_router(out, session.open_settings(settings_file), []), dev) if dev else None
    manifest = model.manifest
    if as_json:
        about = {"model": str(out), "labels": len(manifest.labels), "digest": manifest.digest}
        decides = {"threshold": manifest.threshold, "error_budget": manifest.error_budget}
        print_json({**about, **decides, "held_out": manifest.metrics, "dev": figures})
        return
    budget = "" if manifest.error_budget is None else f" (error budget {manifest.error_budget:g})"
    show(cell(f"{out}: {len(manifest.labels)} labels, threshold {manifest.threshold:.2f}{budget}", "bold"))
    show(cell(", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in manifest.metrics.items()), "dim"))
    if figures is not None:
        show_figures(figures)


def _train_on_file(data: Path, out_of_scope: Path | None, chosen: dict[str, Any]) -> TrainedModel:
    from router import read_examples, read_out_of_scope

    labelled = read_examples(data)
    nobodys = read_out_of_scope(out_of_scope) if out_of_scope is not None else ()
    require_torch()
    from router.trained_model import train as fit

    config = dataclasses.replace(recipe_for(labelled), **chosen)
    with Bar("training", epochs_of(config)) as bar:
        return fit(labelled, config, out_of_scope=nobodys, progress=lambda done: bar.advance(stage_of(done)))


def recipe_for(labelled: list[Example]) -> TrainingConfig:
    """Return the recipe for few examples where a label has few of them on average, else the default."""
    from router.training_config import FEW_EXAMPLES, TrainingConfig

    counts = Counter(example.label for example in labelled)
    recipe = FEW_EXAMPLES if len(labelled) < _FEW * len(counts) else TrainingConfig()
    # A part that no label has an example for would be empty, and there is nothing to calibrate on.
    return dataclasses.replace(recipe, folds=max(2, min(recipe.folds, *counts.values())))


def _train_on_cards(settings_file: Path | None, error_budget: float | None) -> TrainedModel:
    plugins = session.find_agents(session.open_settings(settings_file))
    for broken in plugins.broken:
        note(f"left out: plugin {broken.entry_point!r} of {broken.distribution}: {broken.problem}")
    require_torch()
    from router import read_out_of_scope
    from router.trained_model import train_from_profiles
    from router.training_config import FROM_CARDS

    profiles = [session.profile_of(plugin.agent.card) for plugin in plugins.loaded]
    with Bar("training", epochs_of(FROM_CARDS)) as bar:
        return train_from_profiles(
            profiles, read_out_of_scope(), lambda done: bar.advance(stage_of(done)), error_budget
        )


def stage_of(done: Progress) -> str:
    """Return what stands beside the bar: which part of the training, and its loss."""
    return f"{done.stage}, loss {done.loss:.3f}"


def epochs_of(config: TrainingConfig) -> int:
    """Return the passes in all: one fit for each part held out to calibrate, one on everything."""
    return config.epochs * ((config.folds if config.cross_validate else 1) + 1)


def require_torch() -> None:
    """Pass where torch is installed.

    Raises:
        PointsmanError: if it is not; says how to get it.
    """
    if importlib.util.find_spec("torch") is None:
        raise PointsmanError("training needs torch, which is not installed; pip install 'pointsman[train]'")
