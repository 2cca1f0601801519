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
from router.held_out import NONE_OF_THESE, deal, measure, observe
from router.model_file import SCHEMA_VERSION, Manifest, ModelArrays, seal, write_model
from router.profile import AgentProfile
from router.strangers import Rehearsal, Strangers, learn_strangers, rehearse
from router.training import fit_network, torch_settings
from router.training_config import FROM_CARDS, Progress, Report, TrainingConfig

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
    progress: Report | None = None,
) -> TrainedModel:
    """Train a router: calibrate on held-out examples first, then fit all of them.

    Args:
        examples: At least two labels.
        config: How to train.
        profiles: Cards of labels; ties a trained row to the card it came from.
        out_of_scope: Requests that no label serves: learnt as such, and held out for calibration.
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
    report = progress or _silent
    with torch_settings(config.threads):
        calibration, held_out, metrics = _calibrate(texts, targets, len(labels), config, report)
        strangers = _rehearsed(texts, targets, len(labels), config, report)
        fitted = fit_network(texts, targets, len(labels), config, report, "fit")
        vectors = fitted.vectors(texts)
    arrays = fitted.arrays(vectors, targets, config.blend).with_held_out(held_out)
    digest = digest_examples([*examples, *(Example(text, "") for text in out_of_scope)])
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
    return train(examples, config, profiles=ordered, out_of_scope=out_of_scope, progress=progress)


def _pick(texts: Sequence[str], places: NDArray[np.int64]) -> list[str]:
    return [texts[place] for place in places.tolist()]


def _calibrate(
    texts: Sequence[str], targets: NDArray[np.int64], labels: int, config: TrainingConfig, report: Report
) -> tuple[Calibration, HeldOut, dict[str, float]]:
    part = deal(targets, config.folds, config.seed)
    scored: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
    for fold in range(config.folds if config.cross_validate else 1):
        inside, outside = np.flatnonzero(part != fold), np.flatnonzero(part == fold)
        stage = f"calibrate {fold + 1}"
        fitted = fit_network(_pick(texts, inside), targets[inside], labels, config, report, stage)
        vectors = fitted.vectors(_pick(texts, inside))
        arrays = fitted.arrays(vectors, targets[inside], config.blend)
        scored.append((targets[outside], fitted.vectors(_pick(texts, outside)) @ arrays.head.T))
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
        sizes = (arrays.rows.shape[1], fitted.base.size if fitted.base else 0, config.sketch_size)
        asked = fitted.vectors(_pick(texts, outside))
        rehearsals.append(rehearse(arrays.head, arrays.background, cards, asked, truth, sizes))
    return learn_strangers(rehearsals, sizes)


def _silent(progress: Progress) -> None:
    """Report to nobody."""
