import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from router import (
    AgentProfile,
    BudgetError,
    EmbeddingRouter,
    Example,
    Feedback,
    RouterError,
    evaluate,
    read_examples,
    read_out_of_scope,
    stages,
)
from router.budget import find_threshold
from router.course import Course
from router.reader import Reader
from router.thumbs import Thumbs
from router.trained_model import TrainedModel, train, train_from_profiles
from router.training import Fitted, fit_network
from router.training_config import (
    FEW_EXAMPLES,
    FROM_CARDS,
    FROM_FEEDBACK,
    Progress,
    Report,
    TrainingConfig,
    recipe,
    recipe_for_cards,
)
from tests.router.tiny import EXAMPLES, TINY

RED_BLUE = ("red", "blue")


def test_it_learns_what_it_was_shown() -> None:
    """A few epochs tell two separable labels apart."""
    model = train(EXAMPLES, replace(TINY, epochs=10))
    router = EmbeddingRouter(model.manifest, model.arrays)
    assert [router.predict(example.text).leader for example in EXAMPLES] == [example.label for example in EXAMPLES]
    assert router.predict("paint a wall").leader == "red"


def test_progress_is_reported_after_every_epoch() -> None:
    """The stages are told apart, epochs count from one, and the loss falls."""
    seen: list[Progress] = []
    train(EXAMPLES, TINY, progress=seen.append)
    assert [(report.stage, report.epoch) for report in seen] == [
        *(("calibrate 1", epoch) for epoch in range(1, 5)),
        *(("fit", epoch) for epoch in range(1, 5)),
    ]
    assert seen[-1].loss < seen[4].loss


def test_the_same_cards_give_the_same_bytes(
    six: tuple[AgentProfile, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training is deterministic, whatever the order of the cards, and small."""
    monkeypatch.setattr("router.training_config.FROM_CARDS", replace(FROM_CARDS, epochs=2, folds=2))
    digests = set()
    for cards in (six, six[::-1]):
        train_from_profiles(cards, ("tell me a joke",)).save(tmp_path / "model.npz")
        content = (tmp_path / "model.npz").read_bytes()
        digests.add(hashlib.sha256(content).hexdigest())
        assert len(content) < 1_000_000
    assert len(digests) == 1


def test_many_cards_are_learnt_as_few_examples_are() -> None:
    """A handful of agents is told apart by the words of their cards; from sixteen on meaning counts as well."""
    assert recipe_for_cards(15) == FROM_CARDS
    assert recipe_for_cards(16) == FEW_EXAMPLES


def test_the_manifest_says_what_was_trained(trained: TrainedModel, six: tuple[AgentProfile, ...]) -> None:
    """Labels carry version and digest of their card; held-out figures are on record."""
    labels = {label.name: label for label in trained.manifest.labels}
    assert {name: (label.version, label.profile_digest) for name, label in labels.items()} == {
        profile.name: (profile.version, profile.digest) for profile in six
    }
    assert trained.manifest.metrics["out_of_scope_abstention"] > 0.85
    assert trained.manifest.metrics["held_out_accuracy"] > 0.6


def test_held_out_decisions_are_kept(trained: TrainedModel, six: tuple[AgentProfile, ...]) -> None:
    """Every text was held out once, requests for nobody included, and those are wrong wherever they go."""
    held_out, outside = trained.arrays.held_out, read_out_of_scope()
    assert len(held_out.wrong) == trained.manifest.held_out == sum(len(card.texts) for card in six) + len(outside)
    missed = (1 - trained.manifest.metrics["held_out_accuracy"]) * (len(held_out.wrong) - len(outside))
    assert held_out.wrong.sum() == round(missed) + len(outside)


def test_a_budget_decides_on_the_threshold() -> None:
    """A model can be trained for a budget; it carries threshold and budget, and a saved one serves under both."""
    many = [Example(f"{e.text} number {n}", e.label) for e in EXAMPLES for n in range(30)]
    model = train(many, replace(TINY, size=32, epochs=8, error_budget=0.1))
    assert model.manifest.error_budget == 0.1
    assert model.manifest.threshold == find_threshold(model.arrays.held_out, 0.1)
    answer = EmbeddingRouter(model.manifest, model.arrays).predict("paint the wall")
    assert (answer.budget, answer.threshold) == (0.1, model.manifest.threshold)


def test_decisions_with_pretended_strangers_are_kept() -> None:
    """Where old agents played new ones, what was decided then proves a budget among strangers; with few none plays."""
    ends = ("one", "two", "six", "ten")
    many = [Example(f"word{label} {end}", f"label{label}") for label in range(16) for end in ends]
    rehearsed = train(many, TINY).arrays.rehearsed
    assert len(rehearsed.wrong) == len(rehearsed.confidence) > 16
    assert train(EXAMPLES, TINY).manifest.rehearsed == 0


def test_a_budget_that_cannot_be_proved_ends_the_training_early() -> None:
    """Nobody waits for a model that will not be written: it is refused before the fit on everything begins."""
    seen: list[Progress] = []
    with pytest.raises(BudgetError, match="by the 4 requests held out in training"):
        train(EXAMPLES, replace(TINY, error_budget=0.01), progress=seen.append)
    assert {report.stage for report in seen} == {"calibrate 1"}


def test_one_label_is_refused() -> None:
    """There is nothing to learn from a single label."""
    with pytest.raises(RouterError, match="1 label"):
        train(EXAMPLES[:4], TINY)


def test_a_lonely_example_still_trains() -> None:
    """A label with one example is held out of nothing and learnt all the same."""
    model = train([*EXAMPLES, Example("green grass grows", "green")], TINY)
    assert {label.name for label in model.manifest.labels} == {"red", "blue", "green"}


def test_a_silent_card_is_refused() -> None:
    """A card with neither summary nor examples is named."""
    with pytest.raises(RouterError, match="'mute'"):
        train_from_profiles([AgentProfile("mute", "1", "", ())], ())


def test_few_shot_banking_is_learnt(data: Path) -> None:
    """Ten examples an intent reach two thirds of BANKING77's dev set (every third of it), from random weights."""
    examples = read_examples(data / "banking77" / "train_10.jsonl")
    model = train(examples, TrainingConfig(size=64, min_df=(1, 2, 2, 2, 3), epochs=10, folds=5))
    dev = read_examples(data / "banking77" / "dev.jsonl")[::3]
    router = EmbeddingRouter(model.manifest, model.arrays)
    assert evaluate(router, dev, iter(range(10**9)).__next__).accuracy > 0.66


def test_few_examples_lean_on_the_base_encoder(data: Path) -> None:
    """The recipe for few examples reaches 73% on BANKING77's dev set, of which the base encoder has seen nothing.

    It is asked every third request of it; `make bench-router` asks all of them.
    """
    examples = read_examples(data / "banking77" / "train_10.jsonl")
    model = train(examples, replace(FEW_EXAMPLES, cross_validate=False))
    dev = read_examples(data / "banking77" / "dev.jsonl")[::3]
    router = EmbeddingRouter(model.manifest, model.arrays)
    assert evaluate(router, dev, iter(range(10**9)).__next__).accuracy > 0.73
    parts = router.explain(dev[0].text, "card_arrival")
    score = next(c.score for c in router.predict(dev[0].text).candidates() if c.name == "card_arrival")
    assert abs(sum(part.weight for part in parts) - score) < 1e-5


def test_feedback_corrects_a_card() -> None:
    """A word that a card claims goes to the other agent once thumbs down name that one."""
    asked = "paint the boat"
    before = train(EXAMPLES, replace(TINY, epochs=12))
    feedback = [Feedback(asked, leader_of(before, asked), right=False)] * 8
    after = train(EXAMPLES, replace(TINY, epochs=12), feedback=feedback)
    assert leader_of(after, asked) != leader_of(before, asked)


def test_feedback_is_part_of_what_a_model_says_it_learnt() -> None:
    """The digest of the training data differs with a thumb, and the same thumbs give the same bytes."""
    thumb = Feedback("paint the boat", "red", right=True)
    with_it, again, without = (train(EXAMPLES, TINY, feedback=said) for said in ([thumb], [thumb], []))
    assert with_it.manifest == again.manifest
    assert with_it.manifest.training_digest != without.manifest.training_digest
    assert without.manifest == train(EXAMPLES, TINY).manifest


def listen(
    monkeypatch: pytest.MonkeyPatch, hear: Callable[[Sequence[str], NDArray[np.int64], int, Thumbs], None]
) -> None:
    """Tell of each run of the loop what it learns: texts, their labels, how many labels, thumbs."""

    def spy(
        texts: Sequence[str],
        targets: NDArray[np.int64],
        labels: int,
        config: TrainingConfig,
        report: Report,
        stage: str,
        thumbs: Thumbs,
        course: Course,
        reader: Reader,
    ) -> Fitted:
        hear(texts, targets, labels, thumbs)
        return fit_network(texts, targets, labels, config, report, stage, thumbs, course, reader)

    monkeypatch.setattr(stages, "fit_network", spy)


def test_feedback_on_what_is_held_out_is_not_learnt_before_it_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is calibrated on some texts has learnt neither these nor thumbs on these."""
    learnt: list[tuple[set[str], set[str]]] = []

    def hear(texts: Sequence[str], _targets: NDArray[np.int64], _labels: int, thumbs: Thumbs) -> None:
        learnt.append((set(texts), set(thumbs.texts)))

    listen(monkeypatch, hear)
    said = [Feedback(text, "red", right=False) for text in [*(e.text for e in EXAMPLES), "wash the car"]]
    train(EXAMPLES, replace(TINY, cross_validate=True), feedback=said)
    everything = {e.text for e in EXAMPLES}
    assert [len(texts) for texts, _ in learnt] == [4, 4, 8]
    for texts, thumbs in learnt:
        assert thumbs == {*texts, "wash the car"}
    assert learnt[0][0] | learnt[1][0] == everything


def test_a_name_is_one_example_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is learnt in every run, of those labels alone that the run learns, and never held out."""
    learnt: list[tuple[set[str], int]] = []
    examples = [Example(f"{a} {e.text}", f"{a}_{e.label}") for a in ("dark", "light") for e in EXAMPLES]
    asked, names = {e.text for e in examples}, {"dark red", "light red", "dark blue", "light blue"}

    def hear(texts: Sequence[str], targets: NDArray[np.int64], labels: int, _thumbs: Thumbs) -> None:
        named = {text: target for text, target in zip(texts, targets.tolist(), strict=True) if text not in asked}
        assert set(named.values()) == set(range(labels))
        learnt.append((set(named), labels))

    listen(monkeypatch, hear)
    monkeypatch.setattr(stages, "LEAST_TO_REHEARSE", 4)
    model = train(examples, replace(TINY, names=True, cross_validate=True))
    assert learnt[:2] == [(names, 4)] * 2
    assert learnt[-1] == (names, 4)
    rehearsed = learnt[2:-1]
    assert [labels for _, labels in rehearsed] == [3] * 4
    assert all(len(some) == 3 and some < names for some, _ in rehearsed)
    assert model.manifest.held_out == len(examples)
    assert model.manifest.config["names"]


def test_names_that_say_nothing_are_not_read() -> None:
    """Labels that are numbers give the very model that is trained without names, but for what is on record."""
    opaque = [Example(e.text, "A17" if e.label == "red" else "A18") for e in EXAMPLES]
    with_names, without = (train(opaque, replace(TINY, names=names)) for names in (True, False))
    assert np.array_equal(with_names.arrays.codes, without.arrays.codes)
    assert np.array_equal(with_names.arrays.head, without.arrays.head)
    assert "names" not in without.manifest.config


def test_cards_with_fewer_texts_than_folds_are_calibrated_all_the_same() -> None:
    """Parts that no text was dealt to are passed over."""
    model = train(EXAMPLES, replace(TINY, folds=6, cross_validate=True))
    assert 0 <= model.manifest.metrics["held_out_accuracy"] <= 1
    assert model.manifest.held_out == len(EXAMPLES)


def test_cards_learn_from_feedback() -> None:
    """What is said of requests goes into the model of the cards, and a card's agent keeps its digest."""
    cards = [AgentProfile(label, "1", "", tuple(e.text for e in EXAMPLES if e.label == label)) for label in RED_BLUE]
    said = [Feedback("wash the car", "blue", right=True)] * 4
    model = train_from_profiles(cards, (), feedback=said)
    assert leader_of(model, "wash the car") == "blue"
    assert {label.profile_digest for label in model.manifest.labels} == {card.digest for card in cards}


def test_the_recipe_follows_the_number_of_rows() -> None:
    """Many thumbs are learnt by the recipe for many, with budget and seed of the one for few."""
    few = replace(FEW_EXAMPLES, error_budget=0.1, seed=7)
    assert recipe(few, 5000, 0) == few == recipe(few, 500, 499)
    many = recipe(few, 500, 500)
    assert (many.batch_size, many.base_share) == (FROM_FEEDBACK.batch_size, FROM_FEEDBACK.base_share)
    assert (many.error_budget, many.seed, many.cross_validate, many.names) == (0.1, 7, True, False)


def leader_of(model: TrainedModel, text: str) -> str:
    """Return who leads a request."""
    return EmbeddingRouter(model.manifest, model.arrays).predict(text).leader
