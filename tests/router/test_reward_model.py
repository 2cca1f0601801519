import numpy as np
import pytest

from router import Feedback, KeywordRouter, calibrated
from router.reward_model import combine


def test_a_router_is_a_model_of_rewards(keyword: KeywordRouter) -> None:
    """Its calibrated probabilities: of the leader its confidence, of the others less, of all together at most 1."""
    chances = calibrated(keyword)("feed the cat")
    answer = keyword.predict("feed the cat")
    assert chances["cats"] == pytest.approx(answer.confidence)
    assert chances["dogs"] == pytest.approx(answer.runner_up_confidence)
    assert sum(chances.values()) <= 1


def test_without_a_log_to_speak_of_the_models_are_averaged() -> None:
    """One decision: the half it is not in is empty, so that the mean of the log-odds stands."""
    found = combine([lambda text: {"a": 0.8}, lambda text: {"a": 0.2}], [Feedback("x", "a", right=True)], [["a", "b"]])
    assert found[0]["a"] == pytest.approx(0.5)
    assert found[0]["b"] == pytest.approx(1e-4)


def test_a_model_that_boasts_is_corrected_by_the_log() -> None:
    """It says 0.9 and 0.5 where 0.7 and 0.3 come true: what is returned is what came true."""
    generator = np.random.default_rng(1)
    truth = {"easy": 0.7, "hard": 0.3}
    texts = ["easy", "hard"] * 2000
    logged = [Feedback(text, "a", right=bool(generator.random() < truth[text])) for text in texts]
    found = combine([lambda text: {"a": 0.9 if text == "easy" else 0.5}], logged, [["a"]] * len(texts))
    assert found[0]["a"] == pytest.approx(0.7, abs=0.03)
    assert found[1]["a"] == pytest.approx(0.3, abs=0.03)


def test_the_model_that_knows_is_told_from_the_one_that_does_not() -> None:
    """One says what comes true, the other the contrary: together they say what comes true."""
    texts = ["good", "bad"] * 500
    logged = [Feedback(text, "a", right=text == "good") for text in texts]
    knows, errs = (lambda text: {"a": 0.9 if text == "good" else 0.1}), (lambda text: {"a": 0.5})
    found = combine([errs, knows], logged, [["a"]] * len(texts))
    assert found[0]["a"] > 0.95
    assert found[1]["a"] < 0.05


def test_what_a_decision_earned_is_not_in_its_own_model() -> None:
    """Turning one thumb changes no belief about its own half of the log, and every one about the other."""
    texts = [f"{n}" for n in range(40)]
    logged = [Feedback(text, "a", right=n % 3 > 0) for n, text in enumerate(texts)]
    turned = [Feedback("0", "a", right=True), *logged[1:]]
    model = [lambda text: {"a": 0.5 + int(text) / 100}]
    before, after = (combine(model, log, [["a"]] * len(texts)) for log in (logged, turned))
    same = [one == other for one, other in zip(before, after, strict=True)]
    assert same[0]
    assert sum(same) == 20
