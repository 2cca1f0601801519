import pytest

from router import Feedback, RouterError, known_reward


@pytest.mark.parametrize(
    ("feedback", "ours", "named", "others"),
    [
        (Feedback("x", "cats", right=True), 1.0, 0.0, 0.0),
        (Feedback("x", "cats", right=True, should_be="cats"), 1.0, 0.0, 0.0),
        (Feedback("x", "cats", right=False), 0.0, None, None),
        (Feedback("x", "cats", right=False, should_be="dogs"), 0.0, 1.0, 0.0),
    ],
)
def test_a_thumb_says_something_of_every_agent(
    feedback: Feedback, ours: float, named: float | None, others: float | None
) -> None:
    """One agent is right: a thumb up settles all of them, a thumb down only the one that was asked, unless it names."""
    assert known_reward(feedback, "cats") == ours == feedback.reward
    assert known_reward(feedback, "dogs") == named
    assert known_reward(feedback, "fish") == others


@pytest.mark.parametrize(
    ("agent", "right", "should_be", "propensity", "problem"),
    [
        ("", True, "", 1.0, "names no agent"),
        ("cats", True, "dogs", 1.0, "'cats' was right and should be 'dogs'"),
        ("cats", False, "cats", 1.0, "'cats' was wrong and should be the same"),
        ("cats", True, "", 0.0, "propensity 0 is"),
        ("cats", True, "", 1.01, "propensity 1.01 is"),
        ("cats", True, "", float("nan"), "propensity nan is"),
    ],
)
def test_nonsense_is_refused(agent: str, *, right: bool, should_be: str, propensity: float, problem: str) -> None:
    """Feedback that contradicts itself is not stored for a learner to guess about."""
    with pytest.raises(RouterError, match=problem):
        Feedback("x", agent, right=right, should_be=should_be, propensity=propensity)


def test_who_should_have_got_it_is_known_from_a_thumb_up_or_a_name() -> None:
    """A label for the learner wherever there is one."""
    assert Feedback("x", "cats", right=True).right_agent == "cats"
    assert Feedback("x", "cats", right=False, should_be="dogs").right_agent == "dogs"
    assert Feedback("x", "cats", right=False).right_agent == ""
