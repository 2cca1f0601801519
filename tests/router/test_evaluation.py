from itertools import count

import pytest

from router import Example, KeywordRouter, RouterError, evaluate


def test_figures_by_hand(keyword: KeywordRouter) -> None:
    """Three of four leaders are right, one of them without a choice; each decision takes one tick of 2 µs."""
    examples = [
        Example("feed the cat", "cats"),
        Example("walk the dog", "dogs"),
        Example("xyzzy", "cats"),
        Example("feed the cat", "dogs"),
    ]
    result = evaluate(keyword, examples, count(step=2000).__next__)
    assert result.examples == 4
    assert result.accuracy == 0.75
    assert result.macro_f1 == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert result.abstention_rate == 0.25
    assert result.selective_accuracy == pytest.approx(2 / 3)
    assert (result.p50_us, result.p99_us) == (2.0, 2.0)
    assert 0 <= result.ece <= 1
    assert result.to_json()["accuracy"] == 0.75


def test_all_abstained_has_no_selective_accuracy(keyword: KeywordRouter) -> None:
    """Where nothing was chosen, nothing was chosen right."""
    assert evaluate(keyword, [Example("xyzzy", "cats")], count().__next__).selective_accuracy == 0.0


def test_no_examples_are_refused(keyword: KeywordRouter) -> None:
    """There is no accuracy of nothing."""
    with pytest.raises(RouterError, match="no examples"):
        evaluate(keyword, [], count().__next__)
