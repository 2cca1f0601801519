import pytest

from benchmarks.router.error_budget import NOBODY, is_refuted, under_shift


def test_a_frequent_agent_weighs_ten_times() -> None:
    """Two agents of one request each, one of them wrong: with one of the two ten times as frequent, 1 or 10 of 11."""
    found = under_shift([True, True], [True, False], ["a", "b"], 0.5)
    assert found["wrong_in_the_worst_twentieth_of_shifts"] == pytest.approx(10 / 11, abs=1e-4)
    assert 0.35 < found["shifts_within_budget"] < 0.65


def test_what_is_not_routed_costs_no_budget() -> None:
    """A wrong leader that was refused counts neither as routed nor as wrong."""
    found = under_shift([True, False], [False, True], ["a", "b"], 0.05)
    assert (found["wrong_under_shift"], found["shifts_within_budget"]) == (0.0, 1.0)


def test_agents_that_err_alike_do_not_mind_a_shift() -> None:
    """Where every agent is wrong as often, no change of their frequencies changes the share."""
    found = under_shift([True] * 40, [True, False] * 20, [f"agent {at // 2}" for at in range(40)], 0.5)
    assert found["wrong_under_shift"] == found["wrong_in_the_worst_twentieth_of_shifts"] == 0.5
    assert found["shifts_within_budget"] == 1.0


def test_requests_for_nobody_stay_as_frequent_as_they_are() -> None:
    """Nobody is no agent: of one right request and one for nobody, one of eleven goes wrong in every shift."""
    found = under_shift([True, True], [False, True], ["a", NOBODY], 0.5)
    assert (
        found["wrong_under_shift"] == found["wrong_in_the_worst_twentieth_of_shifts"] == pytest.approx(1 / 11, abs=1e-4)
    )


def test_a_budget_is_refuted_only_beyond_chance() -> None:
    """By hand: of 100 at 5%, eight or more come with a chance of 12.8%, eleven or more with 1.1%."""
    assert [is_refuted(wrong, 100, 0.05) for wrong in (0, 8, 11)] == [False, False, True]
    assert not is_refuted(0, 0, 0.05)
