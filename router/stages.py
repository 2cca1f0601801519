"""Owns the stages of a training: the runs of the loop that one model takes, and what each of them is for."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from router.budget import HeldOut, keep_budget, swaying
from router.calibration import Calibration, choose_threshold, fit
from router.checkpoint import Checkpoint
from router.course import Course, best_epoch
from router.held_out import NONE_OF_THESE, deal, measure, observe
from router.label_name import names_in_words
from router.model_file import ModelArrays
from router.reader import Reader
from router.strangers import Measure, Rehearsal, learn_strangers, rehearse
from router.thumbs import Thumbs
from router.training import Fitted, fit_network, reader_for
from router.training_config import LEAST_TO_REHEARSE, Report, TrainingConfig

_SCOUT: Final = "find epochs"
_QUARTERS: Final = 4
_SHOWN: Final = 10  # examples that a pretended stranger is known by, at most
# A stranger is known by the words of its card first, by their meaning second. More than one in all, for what else a
# request says lengthens its vector; without the constant one request of tests/router that is for nobody was taken.
_UNREHEARSED: Final = Measure((0.0, 0.6, 0.8), -0.05)


def count_stages(config: TrainingConfig, labels: int) -> int:
    """Return how many runs of the loop a model takes that is trained on so many labels."""
    scouted, fitted = int(bool(config.patience)), 1
    return scouted + (config.folds if config.cross_validate else 1) + _rehearsals(config, labels) + fitted


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What one run of the loop learns.

    Attributes:
        texts: Examples, requests for nobody, and names.
        targets: The label of each, from 0 to ``labels``, or ``NONE_OF_THESE``, shape (texts,).
        labels: Number of labels.
        thumbs: What was said of decisions.
    """

    texts: list[str]
    targets: NDArray[np.int64]
    labels: int
    thumbs: Thumbs


@dataclass(frozen=True, slots=True)
class Stages:
    """What is learnt from, and the runs over it; those that the checkpoint knows the outcome of are not run again.

    Attributes:
        texts: What to learn from.
        targets: The label of each text, or ``NONE_OF_THESE``, shape (texts,).
        names: Of the labels.
        thumbs: What was said of decisions.
        config: How to train.
        report: Told after every epoch.
        kept: Where the runs are kept meanwhile.
        reader: What takes texts apart in all of them.
    """

    texts: Sequence[str]
    targets: NDArray[np.int64]
    names: Sequence[str]
    thumbs: Thumbs
    config: TrainingConfig
    report: Report
    kept: Checkpoint
    reader: Reader = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reader", reader_for(self.config))

    @property
    def labels(self) -> int:
        """Return the number of labels."""
        return len(self.names)

    @property
    def rare_words(self) -> bool:
        """Return whether the words of strangers count by their rarity: where too few labels say how they compare."""
        return not _rehearsals(self.config, self.labels)

    def find_epochs(self) -> int:
        """Return after how many epochs the loss on the first part held out is least; 0, for all, if none is held out.

        A run of its own, so that what is calibrated and what is fitted later both end there, on the same falling rate.
        """
        if not self.config.patience:
            return 0
        part = deal(self.targets, self.config.folds, self.config.seed)
        inside, outside = np.flatnonzero(part != 0), np.flatnonzero(part == 0)
        watched = Course(self.kept, 0, self._pick(outside), self.targets[outside], self.config.patience)
        if self.kept.outcome(_SCOUT) is None:
            self._run(self._lesson(inside, self._thumbs_but(outside)), _SCOUT, watched)
            self.kept.finish(_SCOUT, np.zeros(0, dtype=np.float32))
        losses = watched.losses(_SCOUT)
        return best_epoch(losses) if losses else 0

    def calibrate(self, epochs: int) -> tuple[Calibration, HeldOut, dict[str, float]]:
        """Fit confidence and threshold to parts that are held out in turn.

        Raises:
            BudgetError: The held-out requests do not prove the error budget of the configuration.
        """
        config = self.config
        part = deal(self.targets, config.folds, config.seed)
        parts = np.unique(part)  # where labels have fewer texts than there are folds, some parts are empty
        held = [np.flatnonzero(part == one) for one in (parts if config.cross_validate else parts[:1])]
        scores = np.concatenate([self._held_out_scores(one, at, epochs) for at, one in enumerate(held, start=1)])
        truth = np.concatenate([self.targets[one] for one in held])
        known = truth != NONE_OF_THESE
        calibration = fit(scores[known], truth[known], scores[~known], config.threshold, config.out_of_scope_share)
        if not known.all():
            calibration = replace(calibration, threshold=choose_threshold(calibration, scores[~known], config.refused))
        held_out = observe(calibration, scores, truth)
        if config.error_budget is not None:
            agents = swaying(config.budget_mix, self.labels)
            calibration = keep_budget(calibration, held_out, config.error_budget, agents)
        return calibration, held_out, measure(calibration, scores, truth)

    def rehearse(self, epochs: int, calibration: Calibration) -> tuple[Measure, HeldOut]:
        """Learn how to score strangers: train without a quarter of the labels, and let these play new agents.

        Returns:
            How strangers are scored, and the decisions that are then made on held-out requests with them about.
        """
        if self.rare_words:
            return _UNREHEARSED, HeldOut.none()
        rehearsals = [self._rehearsal(turn, epochs) for turn in range(_rehearsals(self.config, self.labels))]
        measure = learn_strangers(rehearsals)
        return measure, HeldOut.join([observe(calibration, one.scores(measure), one.truth) for one in rehearsals])

    def fit(self, epochs: int) -> tuple[Fitted, ModelArrays]:
        """Learn everything."""
        lesson = self._lesson(np.arange(len(self.texts)), self.thumbs)
        fitted = self._run(lesson, "fit", Course(self.kept, epochs))
        return fitted, self._rows(fitted, lesson)

    def _held_out_scores(self, outside: NDArray[np.int64], number: int, epochs: int) -> NDArray[np.float32]:
        """Return the scores of texts by a network that has not seen them, shape (texts, labels)."""
        stage = f"calibrate {number}"
        found = self.kept.outcome(stage)
        if found is not None:
            return found
        inside = np.setdiff1d(np.arange(len(self.texts)), outside)
        judged, course = self._pick(outside), Course(self.kept, epochs)
        lesson = self._lesson(inside, self._thumbs_but(outside))
        if number == 1:
            course = replace(course, texts=judged, truth=self.targets[outside])
        fitted = self._run(lesson, stage, course)
        found = fitted.vectors(judged) @ self._rows(fitted, lesson).head.T
        self.kept.finish(stage, found)
        return found

    def _rehearsal(self, turn: int, epochs: int) -> Rehearsal:
        stage, config = f"rehearse {turn + 1}", self.config
        order = np.random.default_rng(config.seed).permutation(self.labels)
        new = np.sort(order[turn::_QUARTERS])
        old = np.setdiff1d(np.arange(self.labels), new)
        found = self.kept.outcome(stage)
        if found is not None:
            return Rehearsal.unpack(found, len(old), len(new))
        place = {label: at for at, label in enumerate([*old.tolist(), *new.tolist()])}
        targets = np.array([place.get(target, NONE_OF_THESE) for target in self.targets.tolist()])
        held = deal(self.targets, config.folds, config.seed) == turn % config.folds
        plays_new = targets >= len(old)
        inside, outside = np.flatnonzero(~held & ~plays_new), np.flatnonzero(held & (targets != NONE_OF_THESE))
        lesson = self._lesson(inside, Thumbs.none(), old)
        fitted = self._run(lesson, stage, Course(self.kept, epochs))
        arrays = self._rows(fitted, lesson)
        shown = [np.flatnonzero(~held & (targets == place[label]))[:_SHOWN] for label in new.tolist()]
        cards = [fitted.vectors(self._pick(one)) for one in shown]
        asked = fitted.vectors(self._pick(outside))
        rehearsal = rehearse(asked, arrays.head, arrays.background, cards, targets[outside], fitted.sizes)
        self.kept.finish(stage, rehearsal.pack())
        return rehearsal

    def _lesson(self, places: NDArray[np.int64], thumbs: Thumbs, some: NDArray[np.int64] | None = None) -> _Lesson:
        """Return some of the texts, and the names of those labels that are learnt: all, or some, numbered anew."""
        some = np.arange(self.labels) if some is None else some
        number = np.full(self.labels + 1, NONE_OF_THESE)  # the last place is that of texts without a label
        number[some] = np.arange(len(some))
        words = names_in_words(self.names) if self.config.names else [""] * self.labels
        names = [words[label] for label in some.tolist()]
        told = [at for at, name in enumerate(names) if name]
        return _Lesson(
            [*self._pick(places), *(names[at] for at in told)],
            np.concatenate([number[self.targets[places]], np.array(told, dtype=np.int64)]),
            len(some),
            thumbs,
        )

    def _run(self, lesson: _Lesson, stage: str, course: Course) -> Fitted:
        learnt = (lesson.texts, lesson.targets, lesson.labels)
        return fit_network(*learnt, self.config, self.report, stage, lesson.thumbs, course, self.reader)

    def _rows(self, fitted: Fitted, lesson: _Lesson) -> ModelArrays:
        texts = [*lesson.texts, *lesson.thumbs.texts]
        targets = np.concatenate([lesson.targets, lesson.thumbs.targets])
        return fitted.arrays(texts, targets, self.config.blend, rare_words=self.rare_words)

    def _pick(self, places: NDArray[np.int64]) -> list[str]:
        return [self.texts[place] for place in places.tolist()]

    def _thumbs_but(self, outside: NDArray[np.int64]) -> Thumbs:
        return self.thumbs.without(set(self._pick(outside)))


def _rehearsals(config: TrainingConfig, labels: int) -> int:
    if labels < LEAST_TO_REHEARSE:
        return 0
    return _QUARTERS if config.cross_validate else _QUARTERS // 2
