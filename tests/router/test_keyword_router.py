import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import Abstained, AgentProfile, KeywordRouter, LearnsAgents, Router, RouterError

CATS = AgentProfile("cats", "1", "feeds cats", ("my cat is hungry",))
DOGS = AgentProfile("dogs", "2", "walks dogs", ("my dog is restless",))


@pytest.fixture
def keyword() -> KeywordRouter:
    """A router that knows cats and dogs."""
    fresh = KeywordRouter()
    fresh.add(CATS)
    fresh.add(DOGS)
    return fresh


def test_it_keeps_the_contract(keyword: KeywordRouter) -> None:
    """The keyword router is a Router that learns agents."""
    assert isinstance(keyword, Router)
    assert isinstance(keyword, LearnsAgents)


def test_scores_by_hand(keyword: KeywordRouter) -> None:
    """Of "my hungry cat" cats has two words alone and shares one of three with dogs."""
    answer = keyword.predict("my hungry cat!")
    assert [c.name for c in answer.candidates()] == ["cats", "dogs"]
    assert [c.score for c in answer.candidates()] == pytest.approx([5 / 6, 1 / 6])
    assert answer.choice == "cats"


@given(st.text(max_size=40))
def test_explanations_sum_to_the_score(text: str) -> None:
    """The words' weights sum to the score."""
    keyword = KeywordRouter()
    keyword.add(CATS)
    keyword.add(DOGS)
    for candidate in keyword.predict(text).candidates():
        total = sum(part.weight for part in keyword.explain(text, candidate.name))
        assert total == pytest.approx(candidate.score, abs=1e-5)


def test_the_unknown_abstains(keyword: KeywordRouter) -> None:
    """Without a shared word there is no choice; without agents neither."""
    assert keyword.predict("xyzzy").choice is Abstained.BELOW_THRESHOLD
    assert keyword.predict("").choice is Abstained.BELOW_THRESHOLD
    assert KeywordRouter().predict("my cat").choice is Abstained.NO_CANDIDATES


def test_vetoes_are_obeyed(keyword: KeywordRouter) -> None:
    """A vetoed agent cannot lead."""
    assert keyword.predict("my hungry cat", {"cats": "asleep"}).leader == "dogs"


def test_removal_is_exact(keyword: KeywordRouter) -> None:
    """The fingerprint is that of a router that never had the agent."""
    keyword.remove("dogs")
    alone = KeywordRouter()
    alone.add(CATS)
    assert keyword.fingerprint == alone.fingerprint
    assert keyword.names == ("cats",)


def test_unknown_agents_and_silent_cards_are_refused(keyword: KeywordRouter) -> None:
    """Errors name the agent."""
    with pytest.raises(RouterError, match="'birds'"):
        keyword.remove("birds")
    with pytest.raises(RouterError, match="'birds'"):
        keyword.explain("tweet", "birds")
    with pytest.raises(RouterError, match="'mute'"):
        keyword.add(AgentProfile("mute", "1", "", ()))
