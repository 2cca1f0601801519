import pytest

from router import AgentProfile, Example, Feedback, KeywordRouter, RouterError, judge


def knows(**examples: str) -> KeywordRouter:
    """Return a router whose agents know the words given."""
    router = KeywordRouter()
    for name, words in examples.items():
        router.add(AgentProfile(name, "1", "", (words,)))
    return router


CHAMPION = knows(cats="feed the cat", dogs="walk the dog")
CHALLENGER = knows(cats="feed the cat hamster", dogs="walk the dog")
SAME = [Feedback("feed the cat", "cats", right=True)] * 100
WON = [Feedback("hamster", "dogs", right=False, should_be="cats")] * 6


def test_a_challenger_with_a_sure_gain_that_loses_nothing_is_let_in() -> None:
    """Six requests won, none lost, a hundred the same: nothing speaks against it."""
    verdict = judge(CHAMPION, CHALLENGER, [*SAME, *WON], [Example("walk the dog", "dogs")])
    assert verdict.passed
    assert verdict.reasons == ()
    assert verdict.lost == ()
    assert verdict.gain.low > 0
    assert verdict.gain.decisions == 106


def test_a_gain_that_may_be_luck_is_refused() -> None:
    """Five requests won and none lost may be chance; the reason says by how much and how unsure."""
    verdict = judge(CHAMPION, CHALLENGER, [*SAME, *WON[:5]], [])
    assert not verdict.passed
    assert verdict.gain.value == pytest.approx(5 / 105)
    assert verdict.reasons[0].startswith("its gain on 105 judged decisions is +4.8 points, 95% interval -")


def test_nobody_is_let_in_for_being_the_same() -> None:
    """The champion itself is no challenger."""
    verdict = judge(CHAMPION, CHAMPION, [*SAME, *WON], [])
    assert not verdict.passed
    assert verdict.gain.value == 0


def test_a_known_request_that_would_be_lost_bars_the_way() -> None:
    """However large the gain: who leads a known request rightly today must lead it tomorrow."""
    forgetful = knows(cats="feed the cat hamster", dogs="run")
    lost = Example("walk the dog", "dogs")
    verdict = judge(CHAMPION, forgetful, [*SAME, *WON], [lost, Example("feed the cat", "cats")])
    assert verdict.gain.low > 0
    assert verdict.lost == (lost,)
    assert verdict.reasons == ("1 known request(s) no longer go to the right agent, such as 'walk the dog' to 'dogs'",)
    assert not verdict.passed


def test_what_the_champion_did_not_know_cannot_be_lost() -> None:
    """A known request that neither leads rightly speaks against nobody."""
    verdict = judge(CHAMPION, CHALLENGER, [*SAME, *WON], [Example("feed the cat", "dogs")])
    assert verdict.passed


def test_nothing_held_back_is_refused() -> None:
    """Without judged decisions there is nothing to judge by."""
    with pytest.raises(RouterError, match="no logged decisions"):
        judge(CHAMPION, CHALLENGER, [], [])
