"""`pointsman train`: a router of your own, from labelled requests or from the cards of the installed agents."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, note, print_json, show, sparkline
from orchestrator.cli.measurement import evaluate_file, show_figures
from orchestrator.cli.options import AsJson, BudgetMix, ErrorBudget, SettingsFile, examples
from orchestrator.cli.progress import Bar
from orchestrator.cli.seeds import in_order, keep_best, several_in_words
from orchestrator.errors import PointsmanError

if TYPE_CHECKING:
    from router import Example
    from router.checkpoint import Checkpoint
    from router.trained_model import TrainedModel
    from router.training_config import Progress, TrainingConfig

EXAMPLES = examples(
    "pointsman train --data requests.jsonl --dev dev.jsonl --out router.npz",
    "pointsman train --cards --out router.npz",
    "pointsman train --data requests.jsonl --out router.npz --error-budget 0.05",
    "pointsman train --data requests.jsonl --out router.npz --seeds 0,1,2",
    "pointsman train --data requests.jsonl --out router.npz --epochs 60 --patience 5",
    "pointsman train --data requests.jsonl --out router.npz --resume",
)

Names: TypeAlias = Annotated[
    bool | None,
    typer.Option("--names/--no-names", help="Read each label's name as one example more; on where they are few."),
]

Patience: TypeAlias = Annotated[
    int | None, typer.Option("--patience", min=1, help="Stop once the held-out loss has not fallen for so many epochs.")
]
Spelling: TypeAlias = Annotated[
    bool | None,
    typer.Option("--spelling/--no-spelling", help="Read a word nobody knows as the one that was meant; on."),
]

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
    patience: Patience = None,
    names: Names = None,
    spelling: Spelling = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of everything drawn at random; 0 if not given.")] = None,
    seeds: Annotated[
        str | None,
        typer.Option("--seeds", metavar="0,1,2", help="Train once for each, show the spread, keep the best held out."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the same training was interrupted, to the same bytes.")
    ] = False,
    checkpoint_every: Annotated[
        float,
        typer.Option("--checkpoint-every", metavar="SECONDS", min=0, help="Beside --out; 0: after every epoch."),
    ] = 15.0,
    error_budget: ErrorBudget = None,
    budget_mix: BudgetMix = "auto",
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Train a router from scratch: seconds on a laptop, no download; needs the extra `train`."""
    wanted = (("epochs", epochs), ("patience", patience), ("names", names), ("spelling", spelling), ("seed", seed))
    chosen: dict[str, Any] = {name: value for name, value in wanted if value is not None}
    _refuse_nonsense(data, error_budget, cards=cards, tuned=bool(chosen) or bool(seeds or out_of_scope))
    budget: dict[str, Any] = {"error_budget": error_budget, "budget_mix": budget_mix}
    keeper = _Keeper(out, resume, checkpoint_every)
    several: list[dict[str, Any]] = []
    if data is None:
        model = _train_on_cards(settings_file, budget, keeper)
    elif seeds is None:
        model = _train_on_file(data, out_of_scope, {**chosen, **budget}, keeper)
    else:
        chosen |= budget
        each = {n: _train_on_file(data, out_of_scope, {**chosen, "seed": n}, keeper) for n in in_order(seeds, seed)}
        model, several = keep_best(each, dev, session.open_settings(settings_file))
    model.save(out)
    keeper.remove()
    figures = evaluate_file(session.open_router(out, session.open_settings(settings_file), []), dev) if dev else None
    if as_json:
        print_json({**_about(out, model), "dev": figures, **({"seeds": several} if several else {})})
        return
    _show_model(out, model, several)
    if figures is not None:
        show_figures(figures)


def _refuse_nonsense(data: Path | None, error_budget: float | None, *, cards: bool, tuned: bool) -> None:
    if (data is None) != cards:
        raise typer.BadParameter("give either --data FILE or --cards", param_hint="--data")
    if error_budget is not None and not 0 < error_budget < 1:
        raise typer.BadParameter(f"{error_budget:g} is no share; choose above 0, below 1", param_hint="--error-budget")
    if cards and tuned:
        raise typer.BadParameter("the cards' recipe is fixed: the same cards give the same bytes", param_hint="--cards")


def _about(out: Path, model: TrainedModel) -> dict[str, Any]:
    manifest = model.manifest
    curve = [dict(zip(("loss", "held_out_loss", "held_out_accuracy"), row, strict=True)) for row in manifest.history]
    return {
        "model": str(out),
        "labels": len(manifest.labels),
        "digest": manifest.digest,
        "threshold": manifest.threshold,
        "error_budget": manifest.error_budget,
        "seed": manifest.config["seed"],
        "held_out": manifest.metrics,
        "history": curve,
    }


def _show_model(out: Path, model: TrainedModel, several: list[dict[str, Any]]) -> None:
    manifest = model.manifest
    budget = "" if manifest.error_budget is None else f" (error budget {manifest.error_budget:g})"
    show(cell(f"{out}: {len(manifest.labels)} labels, threshold {manifest.threshold:.2f}{budget}", "bold"))
    show(cell(", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in manifest.metrics.items()), "dim"))
    if manifest.history:
        curve = [accuracy for _, _, accuracy in manifest.history]
        drawn = f"{sparkline(curve)} {curve[0]:.3f} to {curve[-1]:.3f} in {len(curve)} epochs"
        show(cell(f"held-out accuracy by epoch {drawn}", "dim"))
    if several:
        show("", several_in_words(several), "")


class _Keeper:
    """Gives every training of a command its checkpoint beside the model, and removes them when all is saved."""

    def __init__(self, out: Path, resume: bool, every: float) -> None:  # noqa: FBT001 - an option's value
        self._out, self._resume, self._every = out, resume, every
        self._given: list[Checkpoint] = []

    @contextmanager
    def checkpoint(self, seed: int) -> Iterator[Checkpoint]:
        """Give a checkpoint; who is interrupted is told how to go on."""
        from router import BudgetError
        from router.checkpoint import Checkpoint

        path = self._out.with_name(f"{self._out.name}.seed-{seed}.checkpoint")
        if path.exists() and not self._resume:
            note(f"{path} of an interrupted training will be overwritten; --resume would have gone on from it")
        elif self._resume and not path.exists():
            note(f"no {path} to go on from: starting at the beginning")
        made = Checkpoint(path, resume=self._resume, due=_every(self._every))
        self._given.append(made)
        try:
            yield made
        except KeyboardInterrupt:
            if path.exists():
                note(f"interrupted; the same command with --resume goes on from {path}")
            raise
        except BudgetError:
            made.remove()  # to go on would come to the same end
            raise

    def remove(self) -> None:
        for made in self._given:
            made.remove()


def _every(seconds: float) -> Callable[[], bool]:
    """Return what says yes when so many seconds have passed since it said so last."""
    from orchestrator.clock import stopwatch

    last = stopwatch()

    def due() -> bool:
        nonlocal last
        now = stopwatch()
        if now - last < seconds:
            return False
        last = now
        return True

    return due


def _train_on_file(data: Path, out_of_scope: Path | None, chosen: dict[str, Any], keeper: _Keeper) -> TrainedModel:
    from router import read_examples, read_out_of_scope

    labelled = read_examples(data)
    nobodys = read_out_of_scope(out_of_scope) if out_of_scope is not None else ()
    require_torch()
    from router.trained_model import train as fit

    config = dataclasses.replace(recipe_for(labelled), **chosen)
    labels = len({example.label for example in labelled})
    with keeper.checkpoint(config.seed) as kept, Bar("training", epochs_of(config, labels)) as bar:
        tell = _move(bar, config, labels)
        return fit(labelled, config, out_of_scope=nobodys, progress=tell, checkpoint=kept)


def recipe_for(labelled: Sequence[Example]) -> TrainingConfig:
    """Return the recipe for few examples where a label has few of them on average, else the default."""
    from router.training_config import FEW_EXAMPLES, TrainingConfig

    counts = Counter(example.label for example in labelled)
    recipe = FEW_EXAMPLES if len(labelled) < _FEW * len(counts) else TrainingConfig()
    # A part that no label has an example for would be empty, and there is nothing to calibrate on.
    return dataclasses.replace(recipe, folds=max(2, min(recipe.folds, *counts.values())))


def _train_on_cards(settings_file: Path | None, budget: Mapping[str, Any], keeper: _Keeper) -> TrainedModel:
    plugins = session.find_agents(session.open_settings(settings_file))
    for broken in plugins.broken:
        note(f"left out: plugin {broken.entry_point!r} of {broken.distribution}: {broken.problem}")
    require_torch()
    from router import read_out_of_scope
    from router.trained_model import train_from_profiles
    from router.training_config import recipe_for_cards

    profiles = [session.profile_of(plugin.agent.card) for plugin in plugins.loaded]
    config = recipe_for_cards(len(profiles))
    with keeper.checkpoint(config.seed) as kept, Bar("training", epochs_of(config, len(profiles))) as bar:
        tell = _move(bar, config, len(profiles))
        return train_from_profiles(profiles, read_out_of_scope(), tell, **budget, checkpoint=kept)


def _move(bar: Bar, config: TrainingConfig, labels: int) -> Callable[[Progress], None]:
    """Return what moves a bar, and tells it how much is to come whenever a stage begins."""
    from router.stages import count_stages

    begun: list[str] = []
    stages = count_stages(config, labels)

    def tell(done: Progress) -> None:
        if done.stage not in begun:
            begun.append(done.stage)
            bar.expect(done.epochs * (stages - len(begun) + 1))
        bar.advance(stage_of(done))

    return tell


def stage_of(done: Progress) -> str:
    """Return what stands beside the bar: which part of the training, its loss, and how many held-out are right."""
    right = "" if done.held_out_accuracy is None else f", held out {done.held_out_accuracy:.1%} right"
    return f"{done.stage}, loss {done.loss:.3f}{right}"


def epochs_of(config: TrainingConfig, labels: int) -> int:
    """Return the passes over the examples in all, for a number of labels."""
    from router.stages import count_stages

    return config.epochs * count_stages(config, labels)


def require_torch() -> None:
    """Pass where torch is installed.

    Raises:
        PointsmanError: if it is not; says how to get it.
    """
    if importlib.util.find_spec("torch") is None:
        raise PointsmanError("training needs torch, which is not installed; pip install 'pointsman[train]'")
