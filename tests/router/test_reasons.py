import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router import Abstained, AgentProfile, EmbeddingRouter, KeywordRouter, Reasons, find_reasons
from router.tokenizer import tokenize

CATS = AgentProfile("cats", "1", "feeds cats", ("my cat is hungry",))
DOGS = AgentProfile("dogs", "2", "walks dogs", ("my dog is restless",))
TEXTS = st.text(max_size=40) | st.lists(
    st.sampled_from(
        ["fix", "this", "broken", "json", "find", "the", "backup", "script", "compare", "release", "logs", "my", "?"]
    ),
    max_size=9,
).map(" ".join)


@pytest.fixture
def keyword() -> KeywordRouter:
    """A router that knows cats and dogs, whose scores one can check by hand."""
    fresh = KeywordRouter()
    fresh.add(CATS)
    fresh.add(DOGS)
    return fresh


def weights(reasons: Reasons) -> dict[str, float]:
    return dict(reasons.separation)


def test_what_separates_the_first_two_by_hand(keyword: KeywordRouter) -> None:
    """Each of three words is a third; "my" is shared by both agents, the others are one's alone."""
    reasons = find_reasons(keyword, "my hungry cat")
    assert weights(reasons) == pytest.approx({"my": 0, "hungry": 1 / 3, "cat": 1 / 3})
    assert sum(weights(reasons).values()) == pytest.approx(reasons.prediction.margin)


def test_the_fewest_words_without_which_it_changes_by_hand(keyword: KeywordRouter) -> None:
    """Without "hungry" it still goes to cats; without "cat" too there is a tie, and nobody gets it."""
    found = find_reasons(keyword, "my hungry cat").counterfactual
    assert (found.without, found.text, found.changed) == (("hungry", "cat"), "my", True)
    assert found.choice is Abstained.NEAR_TIE
    assert found.confidence == pytest.approx(0.4994, abs=1e-4)


def test_an_abstention_names_the_words_in_the_way(keyword: KeywordRouter) -> None:
    """Of fourteen words twelve are unknown; with two of them gone, the share of the known ones suffices."""
    strange = [f"zq{letter}" for letter in "abcdefghijk"]
    reasons = find_reasons(keyword, " ".join(["my", "hungry", "cat", *strange]))
    assert reasons.prediction.abstained
    found = reasons.counterfactual
    assert (found.choice, found.changed) == ("cats", True)
    assert set(found.without) <= set(strange)


def test_where_three_words_change_nothing_that_is_said(keyword: KeywordRouter) -> None:
    """Seven words of one agent: without three of them it is still that agent's."""
    keyword.add(AgentProfile("birds", "1", "", ("feather beak wing nest egg song tree",)))
    found = find_reasons(keyword, "feather beak wing nest egg song tree").counterfactual
    assert (len(found.without), found.choice, found.changed) == (3, "birds", False)


@pytest.mark.parametrize("text", ["", "?!", "cat", "cat cat"])
def test_a_request_is_never_left_without_a_word(keyword: KeywordRouter, text: str) -> None:
    """With no word to spare there is nothing to try."""
    found = find_reasons(keyword, text).counterfactual
    assert (found.without, found.text, found.changed) == ((), text, False)


def test_vetoes_hold_without_the_words_too(keyword: KeywordRouter) -> None:
    """What could not be chosen is not offered as what would have been."""
    reasons = find_reasons(keyword, "my hungry restless dog", {"dogs": "its breaker is open"})
    assert reasons.prediction.leader == "cats"
    assert reasons.counterfactual.choice != "dogs"


def test_without_agents_there_are_no_reasons() -> None:
    """Nobody leads: no words, no separation."""
    reasons = find_reasons(KeywordRouter(), "my cat")
    assert (reasons.words, reasons.separation) == ((), ())
    assert not reasons.counterfactual.changed


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS)
def test_reasons_are_true(either: EmbeddingRouter, text: str) -> None:
    """Words sum to the score, separations to the margin; and the router, asked again, says what was claimed."""
    reasons = find_reasons(either, text)
    prediction, found = reasons.prediction, reasons.counterfactual
    scores = {one.name: one.score for one in prediction.candidates()}
    assert sum(part.weight for part in reasons.words) == pytest.approx(scores[prediction.leader], abs=1e-5)
    assert sum(part.weight for part in reasons.separation) == pytest.approx(prediction.margin, abs=1e-5)
    then = either.predict(found.text)
    assert (then.choice, then.confidence) == (found.choice, found.confidence)
    assert found.changed == (found.choice != prediction.choice)
    assert not set(found.without) & set(tokenize(found.text))


def test_reasons_are_plain_json(keyword: KeywordRouter) -> None:
    """An abstention is null beside its reason, as in a prediction."""
    body = find_reasons(keyword, "my hungry cat").to_json()
    assert body["choice"] == "cats"
    assert body["separation"] == [["my", 0.0], ["hungry", 0.333333], ["cat", 0.333333]]
    assert body["counterfactual"]["without"] == ["hungry", "cat"]
    assert body["counterfactual"]["choice"] is None
    assert body["counterfactual"]["abstained"] == "near-tie"
