from hypothesis import given
from hypothesis import strategies as st

from orchestrator.judgement import Judgement
from orchestrator.learning import HELD_BACK, Tally, split, tally


def said(request: str, *, task: str = "t", right: bool = True, should_be: str = "") -> Judgement:
    return Judgement("r", task, request, "a", "learned", 1.0, right, should_be)


@given(st.lists(st.text(max_size=4), max_size=20))
def test_the_two_parts_are_everything_and_share_no_request(requests: list[str]) -> None:
    """Whatever was said twice of the same words is learnt twice or held back twice."""
    judgements = [said(request, task=str(at)) for at, request in enumerate(requests)]
    learnt, held_back = split(judgements)
    assert sorted(one.task for one in (*learnt, *held_back)) == sorted(one.task for one in judgements)
    assert not {one.request for one in learnt} & {one.request for one in held_back}


@given(st.text(max_size=6), st.text(max_size=6), st.booleans())
def test_a_request_is_held_back_whatever_else_is_said(request: str, other: str, right: bool) -> None:  # noqa: FBT001 - drawn
    """What was held back once is never learnt later, nor the other way round."""
    alone = bool(split([said(request)]).held_back)
    beside = split([said(other, task="u"), said(request, right=right)]).held_back
    assert alone == any(one.task == "t" for one in beside)


def test_about_one_request_in_five_is_held_back() -> None:
    """Of many, the share is near to a fifth."""
    held_back = split([said(f"request {number}", task=str(number)) for number in range(1000)]).held_back
    assert abs(len(held_back) - 1000 / HELD_BACK) < 50


def test_thumbs_are_counted() -> None:
    """Up, down, and how many of the latter named the right agent; also in words."""
    counts = tally([said("x"), said("y", right=False), said("z", right=False, should_be="b")])
    assert counts == Tally(right=1, wrong=2, should_be=1)
    assert str(counts) == "1 right, 2 wrong, 1 with should-be"
