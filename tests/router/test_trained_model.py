import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from router import (
    AgentProfile,
    BudgetError,
    EmbeddingRouter,
    Example,
    RouterError,
    evaluate,
    read_examples,
    read_out_of_scope,
)
from router.budget import find_threshold
from router.trained_model import TrainedModel, train, train_from_profiles
from router.training_config import FEW_EXAMPLES, FROM_CARDS, Progress, TrainingConfig
from tests.router.tiny import EXAMPLES, TINY


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
    monkeypatch.setattr("router.trained_model.FROM_CARDS", replace(FROM_CARDS, epochs=2, folds=2))
    digests = set()
    for cards in (six, six[::-1]):
        train_from_profiles(cards, ("tell me a joke",)).save(tmp_path / "model.npz")
        content = (tmp_path / "model.npz").read_bytes()
        digests.add(hashlib.sha256(content).hexdigest())
        assert len(content) < 1_000_000
    assert len(digests) == 1


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
    """Ten examples an intent reach two thirds of BANKING77's dev set, from random weights."""
    examples = read_examples(data / "banking77" / "train_10.jsonl")
    model = train(examples, TrainingConfig(size=64, min_df=(1, 2, 2, 2, 3), epochs=10, folds=5))
    dev = read_examples(data / "banking77" / "dev.jsonl")
    router = EmbeddingRouter(model.manifest, model.arrays)
    assert evaluate(router, dev, iter(range(10**9)).__next__).accuracy > 0.66


def test_few_examples_lean_on_the_base_encoder(data: Path) -> None:
    """The recipe for few examples reaches 73% on BANKING77's dev set, of which the base encoder has seen nothing."""
    examples = read_examples(data / "banking77" / "train_10.jsonl")
    model = train(examples, replace(FEW_EXAMPLES, cross_validate=False))
    dev = read_examples(data / "banking77" / "dev.jsonl")
    router = EmbeddingRouter(model.manifest, model.arrays)
    assert evaluate(router, dev, iter(range(10**9)).__next__).accuracy > 0.73
    parts = router.explain(dev[0].text, "card_arrival")
    score = next(c.score for c in router.predict(dev[0].text).candidates() if c.name == "card_arrival")
    assert abs(sum(part.weight for part in parts) - score) < 1e-5
