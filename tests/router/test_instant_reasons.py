from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from router import Abstained, AgentProfile, EmbeddingRouter, Prediction, Reasons, find_reasons
from router.calibration import Calibration
from router.decision import FEW
from router.instant_reasons import _foretell
from router.reasons import strongest
from router.snapshot import Entry
from router.tokenizer import tokenize
from router.trained_model import TrainedModel

MANY = FEW + 6
SURE = Calibration(20.0, 0.1, 0.05)
WORDS = st.sampled_from(
    ["fix", "this", "broken", "json", "find", "the", "backup", "script", "my", "?", "zebra", "don't"]
)
TEXTS = st.lists(WORDS, max_size=40).map(" ".join) | st.text(max_size=40)


def serve(model: TrainedModel, threshold: float) -> EmbeddingRouter:
    """Return a router of many agents with rows at random, as if training had known them."""
    router = EmbeddingRouter(model.manifest, model.arrays)
    rows = np.random.default_rng(7).normal(size=(MANY, 1, router._encoder.width)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    names = [f"agent-{at:02}" for at in range(MANY)]
    router._entries = {name: Entry(name, "1", row, stranger=False) for name, row in zip(names, rows, strict=True)}
    router._calibration = replace(SURE, threshold=threshold)
    return router


@pytest.fixture(scope="module")
def many(trained_on_pairs: TrainedModel) -> EmbeddingRouter:
    """A router that mostly chooses somebody."""
    return serve(trained_on_pairs, SURE.threshold)


def step_by_step(router: EmbeddingRouter, text: str) -> Reasons:
    """Return the reasons of a request of a router that is not asked for them at once, as of any router."""

    class Plain:
        fingerprint = router.fingerprint
        predict, explain, study = router.predict, router.explain, router.study

    return find_reasons(Plain(), text)


def same(one: Prediction, other: Prediction) -> bool:
    """Return whether two predictions are the same to the bit."""
    equal = np.array_equal(one.scoreboard.scores, other.scoreboard.scores)
    return equal and one._replace(scoreboard=other.scoreboard) == other


@settings(deadline=None, max_examples=150)
@given(TEXTS)
@example("fix this broken json")
@example("find find the script")
@example("Script?")
@example(" ".join(f"word{at}" for at in range(30)))
def test_they_are_those_found_step_by_step(many: EmbeddingRouter, text: str) -> None:
    """Decision and shares to the bit; what is left out are the same words in the same order, never fewer."""
    told, plain = find_reasons(many, text), step_by_step(many, text)
    assert same(told.prediction, plain.prediction)
    assert (told.words, told.separation) == (plain.words, plain.separation)
    ours, theirs = told.counterfactual, plain.counterfactual
    assert len(ours.without) >= len(theirs.without)
    assert ours.without[: len(theirs.without)] == theirs.without
    assert len(ours.without) > len(theirs.without) or ours == theirs


@settings(deadline=None, max_examples=150)
@given(TEXTS)
@example("fix this broken json")
def test_what_is_told_is_what_the_router_answers(many: EmbeddingRouter, text: str) -> None:
    """Nothing of it is foretold: text, choice and confidence are those of a request of the words that are left."""
    found = find_reasons(many, text).counterfactual
    if found.without:
        assert found.text == " ".join(token for token in tokenize(text) if token not in found.without)
    asked = many.predict(found.text)
    assert (found.choice, found.confidence) == (asked.choice, asked.confidence)
    assert found.changed == (asked.choice != many.predict(text).choice)


def test_the_usual_request_is_answered_at_once(many: EmbeddingRouter) -> None:
    """Else the tests above would compare the plain way with itself."""
    assert many.reasons_at_once("fix this broken json") is not None
    assert many.reasons_at_once("find find the script") is not None
    assert many.reasons_at_once(" ".join(f"word{at}" for at in range(30))) is not None


def test_the_unusual_is_left_to_the_plain_way(many: EmbeddingRouter, trained: TrainedModel) -> None:
    """No words, vetoes, an encoder that knows no pairs, an agent that came later: ``find_reasons`` knows what to do."""
    assert many.reasons_at_once("") is None
    vetoed = many.predict("fix this json").leader
    assert many.reasons_at_once("fix this json", {vetoed: "its breaker is open"}) is None
    assert find_reasons(many, "fix this json", {vetoed: "its breaker is open"}).prediction.leader != vetoed
    assert serve(trained, 0.0).reasons_at_once("fix this json") is None


def test_agents_that_came_later_are_left_to_the_plain_way(trained_on_pairs: TrainedModel) -> None:
    """What they lose without a word is not known."""
    router = serve(trained_on_pairs, 0.0)
    assert router.reasons_at_once("fix this json") is not None
    router.add(AgentProfile("latecomer", "1", "", ("fix this broken json",)))
    assert router.reasons_at_once("fix this json") is None
    assert find_reasons(router, "fix this broken json").prediction.leader == "latecomer"


def test_fewer_requests_are_asked_than_step_by_step(many: EmbeddingRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one word changes nothing, and this is foretold, the router is not asked without the one."""
    texts = [
        f"{one} {two} broken json {three}"
        for one in ("fix", "find", "my")
        for two in ("this", "the", "zebra")
        for three in ("backup script", "json script, please", "and the other json")
    ]
    asked: list[str] = []
    again = many._encoder.read_again

    def count(text: str, *rest: object) -> object:
        asked.append(text)
        return again(text, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(many._encoder, "read_again", count)
    monkeypatch.setattr(many, "_snapshot", None)
    for text in texts:
        find_reasons(many, text)
    at_once = len(asked)
    asked.clear()
    for text in texts:
        step_by_step(many, text)
    assert len(texts) <= at_once < len(asked)


def test_an_abstention_is_asked_about_word_by_word(trained_on_pairs: TrainedModel) -> None:
    """Nothing is foretold of who would be chosen."""
    router = serve(trained_on_pairs, 0.99)
    reasons = router.reasons_at_once("fix this broken json")
    assert reasons is not None
    assert reasons.prediction.abstained
    assert reasons.counterfactual == step_by_step(router, "fix this broken json").counterfactual


LEADS = Prediction("a", "a", "b", 0.2, 0.9, 0.5, "f", None, None, 0.05)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("losses", "expected"),
    [((0.5, 0.0, 0.0), 1), ((0.1, 0.3, 0.0), 2), ((0.0, 0.1, 0.4), 3), ((0.0, 0.0, 0.0), 3), ((-0.5, 0.0, 0.0), 3)],
)
def test_how_many_must_go_by_hand(losses: tuple[float, float, float], expected: int) -> None:
    """The leader is 0.2 ahead: it falls behind with the first word that takes the lost sum above that."""
    words = ["x", "y", "z"]
    told = _foretell(LEADS, 0.6, words, ([*words, "rest"], [*losses, 0.0], [0.0] * 4), (40.0, 1.0))
    assert told == expected


def test_what_the_runner_up_loses_counts_too() -> None:
    """Both lose the same: nothing changes."""
    same_for_both = [0.1, 0.1, 0.1, 0.0]
    words = ["x", "y", "z"]
    assert _foretell(LEADS, 0.6, words, ([*words, "rest"], same_for_both, same_for_both), (40.0, 1.0)) == 3


def test_a_word_that_repeats_is_lost_wherever_it_stands() -> None:
    """Neither of its two places is enough to change the choice, both are; then three words are left of five."""
    tokens, losses = ["x", "y", "x", "z", "rest"], [0.12, 0.0, 0.12, 0.0, 0.0]
    assert _foretell(LEADS, 0.6, ["x", "y", "z"], (tokens, losses, [0.0] * 5), (40.0, 1.0)) == 1
    once = ["x", "y", "w", "z", "rest"]
    assert _foretell(LEADS, 0.6, ["x", "y", "z"], (once, losses, [0.0] * 5), (40.0, 1.0)) == 3


def test_of_an_abstention_nothing_is_foretold() -> None:
    """Nor where nobody came second."""
    for silent in (LEADS._replace(choice=Abstained.NEAR_TIE), LEADS._replace(runner_up_confidence=0.0)):
        assert _foretell(silent, 0.6, ["x", "y"], (["x", "y", "z"], [0.0] * 3, [0.0] * 3), (40.0, 1.0)) == 1


def test_extreme_losses_do_not_overflow() -> None:
    """Whatever the scores: a number of words comes back."""
    words = ["x", "y"]
    for lost in (1e9, -1e9):
        assert _foretell(LEADS, 0.6, words, ([*words, "z"], [lost] * 3, [-lost] * 3), (120.0, 1.0)) in (1, 2)


@given(told=st.lists(st.tuples(WORDS, st.integers(-3, 3)), max_size=20), least_first=st.booleans())
def test_the_strongest_words(told: list[tuple[str, int]], *, least_first: bool) -> None:
    """At most three of all that are words, the heaviest first, equal ones as they stand; never all of them."""
    total: dict[str, int] = {}
    for word, weight in told:
        total[word] = total.get(word, 0) + weight
    order = sorted((word for word in total if word != "?"), key=lambda word: total[word] * (1 if least_first else -1))
    found = strongest([word for word, _ in told], [float(weight) for _, weight in told], least_first=least_first)
    assert found == order[: min(3, max(len(order) - 1, 0))]
