import math
from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from router import BudgetError, RouterError
from router.budget import (
    ALIKE,
    UNEVEN,
    HeldOut,
    Mix,
    among_strangers,
    find_threshold,
    least_budget,
    probability_of_so_few,
    swaying,
)
from router.calibration import Calibration, fit
from router.held_out import observe

LEVEL = 0.05 / 3  # of each of the three sequences
UNHURRIED = settings(deadline=None)  # a refusal looks for the least budget that works
DECISIONS = st.lists(st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.booleans()), max_size=200)


def held_out(*groups: tuple[int, int, float]) -> HeldOut:
    """Make decisions from groups of (how many, how many of them wrong, confidence)."""
    confidence = np.concatenate([np.full(count, sure) for count, _, sure in groups])
    wrong = np.concatenate([np.arange(count) < errors for count, errors, _ in groups])
    return HeldOut.sort(confidence, wrong)


# -- the test of one threshold ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "routed", "share", "expected"),
    [(0, 59, 0.05, 0.95**59), (1, 3, 0.5, 0.5), (2, 2, 0.1, 1.0), (0, 0, 0.1, 1.0), (1, 2, 0.1, 0.99)],
)
def test_the_probability_of_so_few_errors_by_hand(wrong: int, routed: int, share: float, expected: float) -> None:
    """The lower tail of the binomial distribution; without requests nothing is improbable."""
    assert probability_of_so_few(wrong, routed, share) == pytest.approx(expected, rel=1e-12)


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0.001, 0.999))
def test_the_probability_of_so_few_errors_by_its_definition(wrong: int, routed: int, share: float) -> None:
    """The sum over all smaller numbers of errors, in exact binomial coefficients."""
    wrong = min(wrong, routed)
    chances = [math.comb(routed, k) * share**k * (1 - share) ** (routed - k) for k in range(wrong + 1)]
    assert probability_of_so_few(wrong, routed, share) == pytest.approx(math.fsum(chances), rel=1e-9, abs=1e-300)


# -- the threshold, by hand ------------------------------------------------------------------------------------------


def test_the_threshold_stops_above_the_first_group_that_spoils_it() -> None:
    """A hundred sure and right, a hundred at 0.6 of which thirty are wrong: with those, 15% would be."""
    assert find_threshold(held_out((100, 0, 0.99), (100, 30, 0.6)), 0.05) == pytest.approx(0.605)


def test_a_budget_that_covers_every_error_routes_down_to_the_least_threshold() -> None:
    """Below 0.3 nothing is routed however few errors there were: held-out requests do not show every nonsense."""
    assert find_threshold(held_out((500, 0, 0.99), (500, 10, 0.1)), 0.2) == pytest.approx(0.3)


def test_it_takes_80_requests_without_an_error_to_prove_five_percent() -> None:
    """0.95 to the 80th is below a third of 0.05, to the 79th above it: one request fewer is refused."""
    assert 0.95**80 < LEVEL < 0.95**79
    assert find_threshold(held_out((80, 0, 0.99)), 0.05) == pytest.approx(0.3)
    with pytest.raises(BudgetError):
        find_threshold(held_out((79, 0, 0.99)), 0.05)


def test_a_later_sequence_begins_where_few_are_surer() -> None:
    """With nobody above 0.93 the sequences from 0.975 and 0.95 find nothing; the one from 0.9 does."""
    assert find_threshold(held_out((80, 0, 0.92), (50, 40, 0.6)), 0.05) == pytest.approx(0.605)


def test_a_sequence_ends_where_a_threshold_fails() -> None:
    """A later threshold that would pass by itself is not reached: else 5% of promises would not stay 5%."""
    spoilt = held_out((80, 0, 0.99), (20, 10, 0.94), (2000, 0, 0.5))
    assert probability_of_so_few(10, 2100, 0.05) < LEVEL
    assert find_threshold(spoilt, 0.05) == pytest.approx(0.945)


def test_requests_for_nobody_count_as_errors_when_routed() -> None:
    """Out-of-scope requests are wrong wherever they go, so with them the threshold is stricter."""
    alone = held_out((300, 3, 0.9))
    mixed = held_out((300, 3, 0.9), (60, 60, 0.7))
    assert find_threshold(alone, 0.1) == pytest.approx(0.3)
    assert find_threshold(mixed, 0.1) == pytest.approx(0.705)


@pytest.mark.parametrize("budget", [0.0, 1.0, -0.1, 1.5, math.nan, math.inf])
def test_a_budget_is_a_share(budget: float) -> None:
    """Everything outside 0 to 1 is refused by its value."""
    with pytest.raises(RouterError, match="choose one above 0 and below 1"):
        find_threshold(held_out((100, 0, 0.9)), budget)


# -- a budget that cannot be proved ----------------------------------------------------------------------------------


def test_the_refusal_names_what_could_be_proved() -> None:
    """The culprits are attributes, and the smallest budget that works is a budget that works."""
    few = held_out((100, 2, 0.9))
    with pytest.raises(BudgetError, match="by the 100 requests held out") as caught:
        find_threshold(few, 0.02)
    assert (caught.value.budget, caught.value.held_out, caught.value.least) == (0.02, 100, least_budget(few))
    assert caught.value.least is not None
    assert find_threshold(few, caught.value.least)
    with pytest.raises(BudgetError):
        find_threshold(few, caught.value.least - 0.001)


@pytest.mark.parametrize("groups", [[(0, 0, 0.9)], [(5, 0, 0.9)], [(500, 400, 0.9)]])
def test_where_nothing_is_proved_it_is_said(groups: list[tuple[int, int, float]]) -> None:
    """No requests, a handful, or a router that is nearly always wrong: no budget helps."""
    with pytest.raises(BudgetError, match=r"nor is any up to 0\.5; train on more examples") as caught:
        find_threshold(held_out(*groups), 0.05)
    assert caught.value.least is None


# -- properties ------------------------------------------------------------------------------------------------------


@UNHURRIED
@given(DECISIONS, st.floats(0.01, 0.9), st.data())
def test_the_order_of_the_requests_does_not_matter(
    decisions: list[tuple[float, bool]], budget: float, data: st.DataObject
) -> None:
    """Held-out requests are a set."""
    assert _try(decisions, budget) == _try(data.draw(st.permutations(decisions)), budget)


@UNHURRIED
@given(DECISIONS, st.floats(0.01, 0.9))
def test_what_is_found_is_proved_by_itself(decisions: list[tuple[float, bool]], budget: float) -> None:
    """At the threshold, so few errors are improbable if the share were above the budget."""
    threshold = _try(decisions, budget)
    if threshold is not None:
        routed = [wrong for sure, wrong in decisions if np.float32(sure) >= threshold]
        assert 0.3 <= threshold < 1
        assert probability_of_so_few(sum(routed), len(routed), budget) <= LEVEL
        assert sum(routed) <= budget * len(routed)


@UNHURRIED
@given(DECISIONS, st.floats(0.01, 0.9), st.data())
def test_one_error_fewer_never_costs_coverage(
    decisions: list[tuple[float, bool]], budget: float, data: st.DataObject
) -> None:
    """A router that is right once more may route as much as before, or more."""
    before = _try(decisions, budget)
    if before is None:
        return
    better = decisions.copy()
    at = data.draw(st.integers(0, len(better) - 1))
    better[at] = (better[at][0], False)
    after = _try(better, budget)
    assert after is not None
    assert after <= before


def _try(decisions: list[tuple[float, bool]], budget: float, agents: int = 0) -> float | None:
    confidence, wrong = np.array([d[0] for d in decisions]), np.array([d[1] for d in decisions], dtype=np.bool_)
    try:
        return find_threshold(HeldOut.sort(confidence, wrong), budget, agents)
    except BudgetError:
        return None


# -- the promise, on simulated routers whose true share of errors is known ------------------------------------------

Find = Callable[[HeldOut, float], float]
DRAWS = 400
#: More broken promises in 400 draws than this happen once in ten thousand times if 5% are broken.
TOLERATED = 38


def naive_threshold(decisions: HeldOut, budget: float) -> float:
    """Return the lowest threshold at which the held-out requests themselves keep the budget: what one does by eye."""
    shares = np.cumsum(decisions.wrong) / np.arange(1, len(decisions.wrong) + 1)
    return float(decisions.confidence[np.flatnonzero(shares <= budget).max(initial=0)])


def broken_promises(find: Find, boast: float, budget: float, requests: int = 800) -> int:
    """Count the draws whose threshold lets more than the budget go wrong, in truth.

    Confidence is even between 0.5 and 1, and a leader is wrong with ``boast`` times the probability that it admits: of
    what a threshold t routes, ``boast * (1 - t) / 2`` is wrong.
    """
    generator = np.random.default_rng(7)
    broken = 0
    for _ in range(DRAWS):
        confidence = generator.uniform(0.5, 1.0, requests)
        wrong = generator.random(requests) < boast * (1 - confidence)
        try:
            threshold = find(HeldOut.sort(confidence, wrong), budget)
        except BudgetError:
            continue  # nothing was promised
        broken += boast * (1 - max(threshold, 0.5)) / 2 > budget
    return broken


@pytest.mark.parametrize("boast", [1.0, 0.5, 1.8])
@pytest.mark.parametrize("budget", [0.05, 0.1])
def test_the_promise_is_kept_as_often_as_it_says(boast: float, budget: float) -> None:
    """Of 400 draws of held-out requests 5% at most break it, also where the confidence is too low or too high."""
    assert broken_promises(find_threshold, boast, budget) <= TOLERATED


@pytest.mark.parametrize("budget", [0.05, 0.1])
def test_a_threshold_by_eye_breaks_the_promise(budget: float) -> None:
    """The test above has teeth: the empirical threshold, which looks right on the same requests, fails it by far."""
    assert broken_promises(naive_threshold, 1.0, budget) > 3 * TOLERATED


@pytest.mark.parametrize("budget", [0.05, 0.1])
def test_most_of_what_could_be_routed_is(budget: float) -> None:
    """A promise is easily kept by routing nothing: at 20,000 requests the median threshold is near the true one."""
    generator = np.random.default_rng(3)
    found = []
    for _ in range(20):
        confidence = generator.uniform(0.5, 1.0, 20_000)
        wrong = generator.random(20_000) < 1 - confidence
        try:
            found.append(find_threshold(HeldOut.sort(confidence, wrong), budget))
        except BudgetError:
            found.append(1.0)
    best = 1 - 2 * budget
    assert best <= np.median(found) + 0.005
    assert 1 - np.median(found) > 0.75 * (1 - best)


def test_the_promise_survives_a_calibration_fitted_on_the_same_requests() -> None:
    """Scale and floor are two numbers fitted on the requests that prove the budget: no theorem covers it."""
    generator = np.random.default_rng(11)
    truth_scores, truth_labels = _requests(generator, 20_000)
    broken = 0
    for _ in range(40):
        scores, labels = _requests(generator, 400)
        calibration = fit(scores, labels, np.zeros((0, 4), dtype=np.float32), 0.5, 0.5)
        threshold = find_threshold(observe(calibration, scores, labels), 0.1)
        routed, wrong = _observe_fast(calibration, truth_scores, truth_labels).count(threshold)
        broken += wrong > 0.1 * routed
    assert broken <= 7  # more happens once in a thousand times if 5% are broken


def _requests(generator: np.random.Generator, count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw requests for four agents, whose own scores are higher by half a standard deviation of 0.2 or by four."""
    labels = generator.integers(0, 4, count)
    scores = generator.normal(0.3, 0.2, (count, 4))
    scores[np.arange(count), labels] += np.where(generator.random(count) < 0.25, 0.1, 0.8)
    return scores.astype(np.float32), labels


def _observe_fast(calibration: Calibration, scores: NDArray[np.float32], labels: NDArray[np.int64]) -> HeldOut:
    odds = np.exp((scores - scores.max(axis=1, keepdims=True)) * calibration.scale)
    none = np.exp((calibration.floor - scores.max(axis=1)) * calibration.scale)
    against = (odds.sum(axis=1) - 1 + none).tolist()
    return HeldOut.sort(
        np.array([calibration.beta.confidence(odd) for odd in against]), scores.argmax(axis=1) != labels
    )


# -- a shifting mix of agents ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "routed", "expected"), [(0.0, 2.5, 0.75**2.5), (1.0, 1.5, math.sqrt(0.75) * (1.5 - 0.5 * 0.75))]
)
def test_the_probability_between_whole_numbers_by_hand(wrong: float, routed: float, expected: float) -> None:
    """No error in two and a half requests; one in one and a half, where ``I(x; 1/2, 2)`` is elementary."""
    assert probability_of_so_few(wrong, routed, 0.25) == pytest.approx(expected, rel=1e-12)


@given(st.floats(0, 500), st.floats(0.01, 500), st.floats(0.001, 0.999), st.floats(0.01, 10))
def test_more_errors_are_likelier_and_more_requests_make_them_less_likely(
    wrong: float, more: float, share: float, step: float
) -> None:
    """Between whole numbers too, the tail is a probability that moves as it must."""
    here = probability_of_so_few(wrong, wrong + more, share)
    assert 0 <= here <= 1
    assert probability_of_so_few(wrong, wrong + more + step, share) <= here * (1 + 1e-9) + 1e-12
    assert probability_of_so_few(wrong + min(step, more), wrong + more, share) >= here * (1 - 1e-9) - 1e-12


@pytest.mark.parametrize(
    ("mix", "agents", "expected"),
    [("auto", 49, 0), ("auto", 50, 50), ("steady", 500, 0), ("shifting", 6, 6), ("shifting", 500, 500)],
)
def test_whose_frequencies_may_change(mix: Mix, agents: int, expected: int) -> None:
    """Left to itself the promise covers a shift from 50 agents on; either can be asked for by name."""
    assert swaying(mix, agents) == expected


def test_it_takes_more_requests_to_prove_it_for_a_shifting_mix() -> None:
    """For a steady one it takes 80 without an error; of 40 agents 155, for they count for 80."""
    least = math.log(LEVEL) / math.log(0.95)
    assert 155 / (1 + UNEVEN * ALIKE * 155 / 40) > least > 154 / (1 + UNEVEN * ALIKE * 154 / 40)
    assert find_threshold(held_out((155, 0, 0.99)), 0.05, 40) == pytest.approx(0.3)
    with pytest.raises(BudgetError):
        find_threshold(held_out((154, 0, 0.99)), 0.05, 40)


def test_a_refusal_says_where_a_steady_mix_would_do() -> None:
    """Who knows that nothing will shift is told of the way out; where it is none it is not offered."""
    with pytest.raises(BudgetError, match="set budget_mix to steady if each agent") as caught:
        find_threshold(held_out((100, 0, 0.99)), 0.05, 20)
    assert caught.value.steady
    with pytest.raises(BudgetError) as caught:
        find_threshold(held_out((70, 0, 0.99)), 0.05, 20)
    assert "steady" not in str(caught.value)


@UNHURRIED
@given(DECISIONS, st.floats(0.01, 0.9), st.integers(1, 200))
def test_a_promise_for_more_cases_never_routes_more(
    decisions: list[tuple[float, bool]], budget: float, agents: int
) -> None:
    """What is proved for a shifting mix is proved for a steady one."""
    shifting = _try(decisions, budget, agents)
    steady = _try(decisions, budget)
    assert shifting is None or (steady is not None and steady <= shifting)


def broken_under_shifts(agents: int, held: int) -> tuple[int, int]:
    """Count the draws of agents, held-out requests and frequencies in which more than 10% goes wrong, in truth.

    Half of 80 agents are missed 1.95 times as often as they admit, half nearly never: where 10% go wrong in all,
    requests for one agent are alike by 0.1. Then a tenth of the agents becomes ten times as frequent.

    Args:
        agents: As ``find_threshold`` takes it.
        held: Requests held out, as many for each agent.

    Returns:
        Promises that are broken, and promises made.
    """
    generator = np.random.default_rng(5)
    broken = made = 0
    for _ in range(DRAWS):
        boast = np.where(generator.permutation(80) < 40, 1.95, 0.05)
        confidence = generator.uniform(0.5, 1.0, held)
        wrong = generator.random(held) < np.resize(boast, held) * (1 - confidence)
        try:
            threshold = find_threshold(HeldOut.sort(confidence, wrong), 0.1, agents)
        except BudgetError:
            continue
        weights = np.where(generator.permutation(80) < 8, 10.0, 1.0)
        made += 1
        broken += float(weights @ boast / weights.sum()) * (1 - max(threshold, 0.5)) / 2 > 0.1
    return broken, made


def test_the_promise_is_kept_under_a_shift_of_frequencies() -> None:
    """Over draws of held-out requests and of the shift together, 5% at most break it; and it is made."""
    broken, made = broken_under_shifts(80, 4000)
    assert made == DRAWS
    assert broken <= TOLERATED


def test_the_promise_for_a_steady_mix_breaks_under_a_shift() -> None:
    """The test above has teeth: the same draws break the narrower promise far more often."""
    assert broken_under_shifts(0, 4000)[0] > TOLERATED


# -- strangers -------------------------------------------------------------------------------------------------------

KEEPING: Final = Calibration(20.0, 0.2, 0.6, 0.1)


def test_without_a_budget_strangers_change_nothing() -> None:
    """A threshold that was not chosen to keep a promise stays what it is."""
    calibration = Calibration(20.0, 0.2, 0.6)
    assert among_strangers(calibration, held_out((500, 400, 0.9)), 50) is calibration


def test_where_nobody_played_a_stranger_nothing_is_promised() -> None:
    """The threshold stays, and the record says that no budget is known to hold."""
    found = among_strangers(KEEPING, HeldOut.none(), 50)
    assert (found.threshold, found.budget) == (0.6, None)


def test_a_rehearsal_that_went_worse_makes_the_threshold_stricter() -> None:
    """Errors that only the strangers bring are kept out as well."""
    found = among_strangers(KEEPING, held_out((600, 10, 0.95), (300, 150, 0.7)), 50)
    assert found.threshold == pytest.approx(0.705)
    assert found.budget == 0.1


def test_a_rehearsal_that_went_better_keeps_the_threshold() -> None:
    """What is proved without strangers holds with them, too."""
    assert among_strangers(KEEPING, held_out((2000, 0, 0.95)), 50) == KEEPING


def test_decisions_are_joined_in_order() -> None:
    """The surest first, whichever rehearsal they are from, and right before wrong."""
    joined = HeldOut.join([held_out((1, 1, 0.5), (1, 0, 0.9)), held_out((1, 0, 0.5))])
    assert joined.confidence.tolist() == pytest.approx([0.9, 0.5, 0.5])
    assert joined.wrong.tolist() == [False, False, True]
