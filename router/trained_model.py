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
from router.dataset import Example, digest_examples
from router.errors import RouterError
from router.feedback import Feedback
from router.held_out import NONE_OF_THESE, deal, measure, observe
from router.manifest import Manifest
from router.model_file import SCHEMA_VERSION, ModelArrays, seal, write_model
from router.profile import AgentProfile
from router.strangers import Rehearsal, Strangers, learn_strangers, rehearse
from router.thumbs import Thumbs
from router.training import Fitted, fit_network, torch_settings
from router.training_config import FROM_CARDS, Progress, Report, TrainingConfig, recipe

_LEAST_TO_REHEARSE: Final = 16  # labels; fewer say little of how strangers and old agents compare
_QUARTERS: Final = 4
_SHOWN: Final = 10
_UNREHEARSED: Final = (0.0, 0.26, 0.74)  # a stranger is known by the words of its card first, by their meaning second


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
) -> TrainedModel:
    """Train a router: calibrate on held-out examples first, then fit all of them; feedback is learnt in both.

    Args:
        examples: At least two labels.
        config: How to train.
        profiles: Cards of labels; ties a trained row to the card it came from.
        out_of_scope: Requests that no label serves: learnt as such, and held out for calibration.
        feedback: What was said of decisions, learnt beside the examples; that on agents without an example is left out.
        progress: Told after every epoch.

    Raises:
        BudgetError: The held-out requests do not prove the error budget of the configuration.
        RouterError: There are fewer than two labels.
    """
    labels = sorted({example.label for example in examples})
    if len(labels) < 2:
        raise RouterError(f"{len(labels)} label(s) to train on; give examples of at least two labels")
    number = {label: at for at, label in enumerate(labels)}
    texts = [*(example.text for example in examples), *out_of_scope]
    targets = np.array([*(number[e.label] for e in examples), *([NONE_OF_THESE] * len(out_of_scope))])
    thumbs = Thumbs.read(feedback, number)
    report = progress or _silent
    with torch_settings(config.threads):
        calibration, held_out, metrics = _calibrate(texts, targets, len(labels), config, report, thumbs)
        strangers = _rehearsed(texts, targets, len(labels), config, report)
        fitted, arrays = fit_rows(texts, targets, len(labels), config, report, "fit", thumbs)
    arrays = arrays.with_held_out(held_out)
    digest = digest_examples([*examples, *(Example(text, "") for text in out_of_scope)], feedback)
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
        stranger_weights=strangers.weights,
        stranger_bias=strangers.bias,
        labels=trained_labels(labels, profiles),
        scale=calibration.scale,
        floor=calibration.floor,
        rise=calibration.beta.rise,
        fall=calibration.beta.fall,
        shift=calibration.beta.shift,
        threshold=calibration.threshold,
        error_budget=calibration.budget,
        held_out=len(held_out.wrong),
        config={**asdict(config), "min_df": list(config.min_df)},
        metrics=metrics,
        training_digest=digest,
    )
    return TrainedModel(seal(manifest, arrays), arrays)


def train_from_profiles(
    profiles: Sequence[AgentProfile],
    out_of_scope: Sequence[str],
    progress: Report | None = None,
    error_budget: float | None = None,
    feedback: Sequence[Feedback] = (),
) -> TrainedModel:
    """Train on the cards and on feedback: a dozen examples an agent; the same cards and feedback give the same bytes.

    Raises:
        BudgetError: The held-out requests do not prove the error budget.
        RouterError: There are fewer than two profiles, or one has no text at all.
    """
    ordered = sorted(profiles, key=lambda profile: profile.name)
    for profile in ordered:
        if not profile.texts:
            raise RouterError(f"agent {profile.name!r} has neither summary nor examples; give its card some")
    examples = [Example(text, profile.name) for profile in ordered for text in profile.texts]
    config = recipe(replace(FROM_CARDS, error_budget=error_budget), len(examples), len(feedback))
    return train(examples, config, profiles=ordered, out_of_scope=out_of_scope, feedback=feedback, progress=progress)


def fit_rows(
    texts: Sequence[str],
    targets: NDArray[np.int64],
    labels: int,
    config: TrainingConfig,
    report: Report,
    stage: str,
    thumbs: Thumbs,
) -> tuple[Fitted, ModelArrays]:
    """Run the training loop and return what it gave, and its rows as they are served; see ``fit_network``."""
    fitted = fit_network(texts, targets, labels, config, report, stage, thumbs)
    vectors = fitted.vectors([*texts, *thumbs.texts])
    return fitted, fitted.arrays(vectors, np.concatenate([targets, thumbs.targets]), config.blend)


def _pick(texts: Sequence[str], places: NDArray[np.int64]) -> list[str]:
    return [texts[place] for place in places.tolist()]


def _calibrate(
    texts: Sequence[str],
    targets: NDArray[np.int64],
    labels: int,
    config: TrainingConfig,
    report: Report,
    thumbs: Thumbs,
) -> tuple[Calibration, HeldOut, dict[str, float]]:
    part = deal(targets, config.folds, config.seed)
    parts = np.unique(part)  # where labels have fewer texts than there are folds, some parts are empty
    scored: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
    for fold, held in enumerate(parts if config.cross_validate else parts[:1], start=1):
        inside, outside = np.flatnonzero(part != held), np.flatnonzero(part == held)
        learnt, judged, stage = _pick(texts, inside), _pick(texts, outside), f"calibrate {fold}"
        others = thumbs.without(set(judged))
        fitted, arrays = fit_rows(learnt, targets[inside], labels, config, report, stage, others)
        scored.append((targets[outside], fitted.vectors(judged) @ arrays.head.T))
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


def _rehearsed(
    texts: Sequence[str], targets: NDArray[np.int64], labels: int, config: TrainingConfig, report: Report
) -> Strangers:
    """Learn how to score strangers: train without a quarter of the labels, and let these play new agents."""
    if labels < _LEAST_TO_REHEARSE:
        return Strangers((0, 0, 0), _UNREHEARSED if config.base_share else (0.0, 0.0, 1.0), 0.0)
    part = deal(targets, config.folds, config.seed)
    order = np.random.default_rng(config.seed).permutation(labels)
    rehearsals: list[Rehearsal] = []
    for turn in range(_QUARTERS if config.cross_validate else 1):
        new = np.sort(order[turn::_QUARTERS])
        old = np.setdiff1d(np.arange(labels), new)
        place = {label: at for at, label in enumerate([*old.tolist(), *new.tolist()])}
        inside = np.flatnonzero((part != turn % config.folds) & ~np.isin(targets, new))
        outside = np.flatnonzero((part == turn % config.folds) & (targets != NONE_OF_THESE))
        shown = np.flatnonzero((part != turn % config.folds) & np.isin(targets, new))
        learnt = np.array([place.get(target, NONE_OF_THESE) for target in targets[inside].tolist()])
        fitted = fit_network(_pick(texts, inside), learnt, len(old), config, report, f"rehearse {turn + 1}")
        arrays = fitted.arrays(fitted.vectors(_pick(texts, inside)), learnt, config.blend)
        cards = [fitted.vectors(_pick(texts, shown[targets[shown] == label][:_SHOWN])) for label in new.tolist()]
        truth = np.array([place[target] for target in targets[outside].tolist()])
        sizes = (fitted.model.embedding.shape[1], fitted.base.size if fitted.base else 0, config.sketch_size)
        asked = fitted.vectors(_pick(texts, outside))
        rehearsals.append(rehearse(arrays.head, arrays.background, cards, asked, truth, sizes))
    return learn_strangers(rehearsals, sizes)


def _silent(progress: Progress) -> None:
    """Report to nobody."""
