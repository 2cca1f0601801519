"""Owns the trained model: calibrated on held-out examples, fitted on all of them, sealed, ready to be saved."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from router.assembly import trained_labels
from router.budget import HeldOut, keep_budget
from router.calibration import Calibration, choose_threshold, fit
from router.checkpoint import Checkpoint
from router.course import Course, best_epoch
from router.dataset import Example, digest_examples
from router.errors import RouterError
from router.held_out import NONE_OF_THESE, deal, measure, observe
from router.model_file import SCHEMA_VERSION, Manifest, ModelArrays, seal, write_model
from router.profile import AgentProfile
from router.training import fit_network, torch_settings
from router.training_config import FROM_CARDS, Progress, Report, TrainingConfig

_SCOUT: Final = "find epochs"


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
    progress: Report | None = None,
    checkpoint: Checkpoint | None = None,
) -> TrainedModel:
    """Train a router: calibrate on held-out examples first, then fit all of them.

    Args:
        examples: At least two labels.
        config: How to train.
        profiles: Cards of labels; ties a trained row to the card it came from.
        out_of_scope: Requests that no label serves: learnt as such, and held out for calibration.
        progress: Told after every epoch, and of those before an interruption.
        checkpoint: Where the run is kept meanwhile; the caller removes it when the model is saved.

    Raises:
        BudgetError: The held-out requests do not prove the error budget of the configuration.
        ModelFileError: The checkpoint cannot be written, is damaged, or is of another training.
        RouterError: There are fewer than two labels.
    """
    labels = sorted({example.label for example in examples})
    if len(labels) < 2:
        raise RouterError(f"{len(labels)} label(s) to train on; give examples of at least two labels")
    number = {label: at for at, label in enumerate(labels)}
    data = [*examples, *(Example(text, "") for text in out_of_scope)]
    texts, targets = [one.text for one in data], np.array([number.get(one.label, NONE_OF_THESE) for one in data])
    kept, report, digest = _begin(checkpoint, config, data, progress)
    with torch_settings(config.threads):
        course = Course(kept, _find_epochs(texts, targets, len(labels), config, report, kept))
        calibration, held_out, metrics = _calibrate(texts, targets, len(labels), config, report, course)
        fitted = fit_network(texts, targets, len(labels), config, report, "fit", course)
    arrays = fitted.arrays(fitted.vectors(texts), targets, config.blend).with_held_out(held_out)
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        bits=config.bits,
        word_order=config.word_order,
        features=len(arrays.buckets),
        size=fitted.model.embedding.shape[1],
        sketch_size=config.sketch_size,
        sketch_weight=fitted.scales.sketch,
        base=fitted.base.digest if fitted.base else "",
        base_size=fitted.base.size if fitted.base else 0,
        base_weight=fitted.scales.base,
        unseen_idf=fitted.vocabulary.unseen_idf,
        labels=trained_labels(labels, profiles),
        scale=calibration.scale,
        floor=calibration.floor,
        threshold=calibration.threshold,
        error_budget=calibration.budget,
        held_out=len(held_out.wrong),
        config={**asdict(config), "min_df": list(config.min_df)},
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
    checkpoint: Checkpoint | None = None,
) -> TrainedModel:
    """Train on the cards alone: a dozen examples an agent; the same cards give the same bytes.

    Raises:
        BudgetError: The held-out requests do not prove the error budget.
        RouterError: There are fewer than two profiles, or one has no text at all.
    """
    ordered = sorted(profiles, key=lambda profile: profile.name)
    for profile in ordered:
        if not profile.texts:
            raise RouterError(f"agent {profile.name!r} has neither summary nor examples; give its card some")
    examples = [Example(text, profile.name) for profile in ordered for text in profile.texts]
    config = replace(FROM_CARDS, error_budget=error_budget)
    return train(
        examples, config, profiles=ordered, out_of_scope=out_of_scope, progress=progress, checkpoint=checkpoint
    )


def _begin(
    checkpoint: Checkpoint | None, config: TrainingConfig, data: Sequence[Example], progress: Report | None
) -> tuple[Checkpoint, Report, str]:
    """Return the checkpoint, what keeps every report as well as telling it, and the data's digest."""
    kept, tell, digest = checkpoint or Checkpoint(), progress or _silent, digest_examples(data)
    kept.begin(asdict(config), digest)
    for done in kept.progress:
        tell(done)

    def report(done: Progress) -> None:
        kept.progress.append(done)
        tell(done)

    return kept, report, digest


def _history(progress: Sequence[Progress]) -> tuple[tuple[float, float, float], ...]:
    """Return loss, held-out loss and held-out accuracy after each epoch of the first stage that knows them."""
    watched = [done for done in progress if done.held_out_loss is not None]
    first = [done for done in watched if done.stage == watched[0].stage]
    return tuple((round(one.loss, 6), one.held_out_loss or 0.0, one.held_out_accuracy or 0.0) for one in first)


def _find_epochs(
    texts: Sequence[str],
    targets: NDArray[np.int64],
    labels: int,
    config: TrainingConfig,
    report: Report,
    kept: Checkpoint,
) -> int:
    """Return after how many epochs the loss on the first part held out is least; 0, for all, without patience.

    A run of its own, so that what is calibrated and what is fitted later both end there, on the same falling rate.
    """
    if not config.patience:
        return 0
    part = deal(targets, config.folds, config.seed)
    inside, outside = np.flatnonzero(part != 0), np.flatnonzero(part == 0)
    course = Course(kept, texts=_pick(texts, outside), truth=targets[outside], patience=config.patience)
    if kept.outcome(_SCOUT) is None:
        fit_network(_pick(texts, inside), targets[inside], labels, config, report, _SCOUT, course)
        kept.finish(_SCOUT, np.zeros(0, dtype=np.float32))
    losses = course.losses(_SCOUT)
    return best_epoch(losses) if losses else 0


def _pick(texts: Sequence[str], places: NDArray[np.int64]) -> list[str]:
    return [texts[place] for place in places.tolist()]


def _calibrate(
    texts: Sequence[str],
    targets: NDArray[np.int64],
    labels: int,
    config: TrainingConfig,
    report: Report,
    course: Course,
) -> tuple[Calibration, HeldOut, dict[str, float]]:
    part = deal(targets, config.folds, config.seed)
    scored: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
    for fold in range(config.folds if config.cross_validate else 1):
        inside, outside = np.flatnonzero(part != fold), np.flatnonzero(part == fold)
        learnt, judged, stage = _pick(texts, inside), _pick(texts, outside), f"calibrate {fold + 1}"
        found = course.checkpoint.outcome(stage)
        if found is None:
            watched = course if fold else replace(course, texts=judged, truth=targets[outside])
            fitted = fit_network(learnt, targets[inside], labels, config, report, stage, watched)
            arrays = fitted.arrays(fitted.vectors(learnt), targets[inside], config.blend)
            found = fitted.vectors(judged) @ arrays.head.T
            course.checkpoint.finish(stage, found)
        scored.append((targets[outside], found))
    truth = np.concatenate([answer for answer, _ in scored])
    scores = np.concatenate([values for _, values in scored])
    known = truth != NONE_OF_THESE
    calibration = fit(scores[known], truth[known], scores[~known], config.threshold)
    if not known.all():
        calibration = replace(calibration, threshold=choose_threshold(calibration, scores[~known], config.refused))
    held_out = observe(calibration, scores, truth)
    if config.error_budget is not None:
        calibration = keep_budget(calibration, held_out, config.error_budget)
    return calibration, held_out, measure(calibration, scores, truth)


def _silent(progress: Progress) -> None:
    """Report to nobody."""
