"""Owns the trained model: calibrated on held-out examples, fitted on all of them, sealed, ready to be saved."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from router.assembly import trained_labels
from router.budget import Mix
from router.calibration import Calibration
from router.checkpoint import Checkpoint
from router.dataset import Example, digest_examples
from router.errors import RouterError
from router.feedback import Feedback
from router.held_out import NONE_OF_THESE
from router.manifest import Manifest
from router.model_file import SCHEMA_VERSION, ModelArrays, seal, write_model
from router.profile import AgentProfile
from router.stages import Stages
from router.strangers import Measure
from router.thumbs import Thumbs
from router.training import Fitted, torch_settings
from router.training_config import Progress, Report, TrainingConfig, recipe, recipe_for_cards

#: Beside the sketch, what only agents added later are to see: no score of a trained one changes within float32.
_FAINT: Final = 1e-4
_LATER: Final = {"base_noise", "names", "spelling", "sum_by_row"}


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A sealed model, ready to be saved or served."""

    manifest: Manifest
    arrays: ModelArrays

    def save(self, path: Path | str) -> None:
        """Write the model atomically.

        Raises:
            ModelFileError: The folder cannot be written to.
        """
        write_model(Path(path), self.manifest, self.arrays)


def train(
    examples: Sequence[Example],
    config: TrainingConfig,
    *,
    profiles: Sequence[AgentProfile] = (),
    out_of_scope: Sequence[str] = (),
    feedback: Sequence[Feedback] = (),
    progress: Report | None = None,
    checkpoint: Checkpoint | None = None,
) -> TrainedModel:
    """Train a router: calibrate on held-out examples first, then fit all of them; feedback is learnt in both.

    Args:
        examples: At least two labels.
        config: How to train.
        profiles: Cards of labels; ties a trained row to the card it came from.
        out_of_scope: Requests that no label serves: learnt as such, and held out for calibration.
        feedback: What was said of decisions, learnt beside the examples; that on agents without an example is left out.
        progress: Told after every epoch, and at once of those before an interruption.
        checkpoint: Where the run is kept meanwhile; the caller removes it when the model is saved.

    Raises:
        BudgetError: The held-out requests do not prove the error budget of the configuration.
        ModelFileError: The checkpoint is damaged, of another training, or cannot be written.
        RouterError: There are fewer than two labels.
    """
    labels = sorted({example.label for example in examples})
    if len(labels) < 2:
        raise RouterError(f"{len(labels)} label(s) to train on; give examples of at least two labels")
    number = {label: at for at, label in enumerate(labels)}
    texts = [*(example.text for example in examples), *out_of_scope]
    targets = np.array([*(number[e.label] for e in examples), *([NONE_OF_THESE] * len(out_of_scope))])
    digest = digest_examples([*examples, *(Example(text, "") for text in out_of_scope)], feedback)
    kept = checkpoint or Checkpoint()
    kept.begin(asdict(config), digest)
    report = _reporter(kept, progress or _silent)
    stages = Stages(texts, targets, labels, Thumbs.read(feedback, number), config, report, kept)
    with torch_settings(config.threads):
        epochs = stages.find_epochs()
        calibration, held_out, metrics = stages.calibrate(epochs)
        strangers, rehearsed = stages.rehearse(epochs, calibration)
        fitted, arrays = stages.fit(epochs)
    arrays = arrays.with_held_out(held_out, rehearsed)
    manifest = _manifest(config, fitted, arrays, calibration, strangers, rare_words=stages.rare_words)
    manifest = replace(
        manifest,
        labels=trained_labels(labels, profiles),
        metrics=metrics,
        history=_history(kept.progress),
        training_digest=digest,
    )
    return TrainedModel(seal(manifest, arrays), arrays)


def train_from_profiles(
    profiles: Sequence[AgentProfile],
    out_of_scope: Sequence[str],
    progress: Report | None = None,
    error_budget: float | None = None,
    budget_mix: Mix = "auto",
    feedback: Sequence[Feedback] = (),
    checkpoint: Checkpoint | None = None,
) -> TrainedModel:
    """Train on the cards and on feedback, by ``recipe_for_cards``; the same cards and feedback give the same bytes.

    Raises:
        BudgetError: The held-out requests do not prove the error budget.
        ModelFileError: The checkpoint is damaged, of another training, or cannot be written.
        RouterError: There are fewer than two profiles, or one has no text at all.
    """
    ordered = sorted(profiles, key=lambda profile: profile.name)
    for profile in ordered:
        if not profile.texts:
            raise RouterError(f"agent {profile.name!r} has neither summary nor examples; give its card some")
    examples = [Example(text, profile.name) for profile in ordered for text in profile.texts]
    config = recipe(
        replace(recipe_for_cards(len(ordered)), error_budget=error_budget, budget_mix=budget_mix),
        len(examples),
        len(feedback),
    )
    return train(
        examples,
        config,
        profiles=ordered,
        out_of_scope=out_of_scope,
        feedback=feedback,
        progress=progress,
        checkpoint=checkpoint,
    )


def _manifest(
    config: TrainingConfig,
    fitted: Fitted,
    arrays: ModelArrays,
    calibration: Calibration,
    strangers: Measure,
    *,
    rare_words: bool,
) -> Manifest:
    """Return what a model says of itself, as far as its numbers go."""
    return Manifest(
        schema_version=SCHEMA_VERSION,
        bits=config.bits,
        word_order=config.word_order,
        features=len(arrays.buckets),
        size=fitted.sizes[0],
        sketch_size=config.sketch_size,
        sketch_weight=fitted.scales.sketch,
        base=fitted.reader.base.digest,
        base_size=fitted.sizes[1],
        base_weight=fitted.scales.base or _FAINT * fitted.scales.sketch,
        unseen_idf=fitted.vocabulary.unseen_idf,
        stranger_weights=strangers.weights,
        stranger_bias=strangers.bias,
        rare_words=rare_words,
        labels=(),
        scale=calibration.scale,
        floor=calibration.floor,
        rise=calibration.beta.rise,
        fall=calibration.beta.fall,
        shift=calibration.beta.shift,
        threshold=calibration.threshold,
        error_budget=calibration.budget,
        held_out=len(arrays.held_out_wrong),
        rehearsed=len(arrays.rehearsed_wrong),
        config=_on_record(config),
        metrics={},
        history=(),
        training_digest="",
    )


def _on_record(config: TrainingConfig) -> dict[str, Any]:
    """Return the knobs as a manifest keeps them.

    What is off is not mentioned if it came after the router that ships was trained: so what is trained without it has
    the same bytes as before.
    """
    knobs = {**asdict(config), "min_df": list(config.min_df)}
    return {name: value for name, value in knobs.items() if value or name not in _LATER}


def _reporter(kept: Checkpoint, tell: Report) -> Report:
    """Return what keeps every report as well as telling it, once those from before an interruption are told."""
    for done in kept.progress:
        tell(done)

    def report(done: Progress) -> None:
        kept.progress.append(done)
        tell(done)

    return report


def _history(progress: Sequence[Progress]) -> tuple[tuple[float, float, float], ...]:
    """Return loss, held-out loss and held-out accuracy after each epoch of the first stage that knows them."""
    watched = [done for done in progress if done.held_out_loss is not None]
    first = [done for done in watched if done.stage == watched[0].stage]
    return tuple((round(one.loss, 6), one.held_out_loss or 0.0, one.held_out_accuracy or 0.0) for one in first)


def _silent(progress: Progress) -> None:
    """Report to nobody."""
