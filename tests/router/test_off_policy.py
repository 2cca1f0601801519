from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import Feedback, KeywordRouter, Policy, RewardModel, RouterError, estimate, gain, greedy
from router.off_policy import Method, _terms

AGENTS = ("a", "b", "c")
METHODS: tuple[Method, ...] = ("ips", "snips", "dr")
PROBABILITIES = st.lists(st.integers(1, 9), min_size=3, max_size=3).map(
    lambda parts: dict(zip(AGENTS, (part / sum(parts) for part in parts), strict=True))
)


def always(agent: str) -> Policy:
    """Return the policy that gives every request to one agent."""
    return lambda text: {agent: 1.0}


def by_table(table: Mapping[str, str]) -> Policy:
    """Return the policy that looks a request up, and gives it to nobody where it is not found."""
    return lambda text: {table[text]: 1.0} if text in table else {}


def up(agent: str, propensity: float = 1.0, text: str = "x") -> Feedback:
    """Return a thumb up."""
    return Feedback(text, agent, right=True, propensity=propensity)


def down(agent: str, propensity: float = 1.0, text: str = "x", should_be: str = "") -> Feedback:
    """Return a thumb down."""
    return Feedback(text, agent, right=False, should_be=should_be, propensity=propensity)


# -- one policy, by hand ---------------------------------------------------------------------------------------------

LOGGED = (up("a", 0.5), down("a", 0.5), up("b", 0.25), down("c", 0.25))


def test_inverse_propensity_by_hand() -> None:
    """Two of four decisions took the policy's agent: weights 2 and 2, rewards 1 and 0; terms 2, 0, 0, 0."""
    found = estimate(always("a"), LOGGED, method="ips")
    assert found.value == pytest.approx(0.5)
    spread = 1.959964 * np.std([2, 0, 0, 0]) / 2
    assert (found.low, found.high) == pytest.approx((max(0.5 - spread, 0), min(0.5 + spread, 1)))
    assert (found.method, found.decisions) == ("ips", 4)


def test_self_normalised_by_hand() -> None:
    """The same weights: a mean of the rewards 1 and 0 that counts each by its weight; for b, its one reward."""
    assert estimate(always("a"), LOGGED, method="snips").value == pytest.approx(0.5)
    assert estimate(always("b"), LOGGED, method="snips").value == pytest.approx(1.0)
    lopsided = (up("a", 0.9), down("a", 0.3))
    assert estimate(always("a"), lopsided, method="snips").value == pytest.approx((1 / 0.9) / (1 / 0.9 + 1 / 0.3))


def test_doubly_robust_by_hand() -> None:
    """What the model expects, 0.6 each, and the weighted errors 2 x 0.4 and 2 x -0.6 of the two that took the agent."""
    found = estimate(always("a"), LOGGED, reward_model=lambda text: {"a": 0.6, "b": 0.1})
    assert found.value == pytest.approx(0.6 + (2 * 0.4 - 2 * 0.6) / 4)
    assert found.method == "dr"


def test_nobody_earns_nothing() -> None:
    """A policy that abstains on half of the requests earns on the other half only."""
    logged = [up("a", 0.5, "known"), up("a", 0.5, "known"), up("a", 0.5, "new"), up("a", 0.5, "new")]
    policy = by_table({"known": "a"})
    assert estimate(policy, logged, method="ips").value == pytest.approx(1.0)
    assert estimate(policy, logged, method="snips").value == pytest.approx(0.5)
    assert estimate(policy, logged, reward_model=lambda text: {"a": 1.0}).value == pytest.approx(0.5)


def test_several_models_are_fitted_to_the_log_first() -> None:
    """Of one decision there is no other half to fit to: the mean of the log-odds of 0.8 and 0.2, and its error."""
    models = [lambda text: {"a": 0.8}, lambda text: {"a": 0.2}]
    assert estimate(always("a"), [up("a", 0.8)], reward_model=models).value == 1.0
    terms = _terms([{"a": 1.0}], [up("a", 0.8)], "dr", models)
    assert terms.tolist() == pytest.approx([0.5 + (1 - 0.5) / 0.8])


# -- one policy, in general ------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(PROBABILITIES, PROBABILITIES, st.sampled_from(AGENTS), PROBABILITIES)
def test_ips_and_dr_are_right_on_average(
    log: Mapping[str, float], policy: Mapping[str, float], right: str, model: Mapping[str, float]
) -> None:
    """Over everything a log of one decision can be, the mean of the estimates is the value, whatever the model says."""
    worlds = [Feedback("x", agent, right=agent == right, propensity=log[agent]) for agent in AGENTS]
    methods: tuple[tuple[Method, RewardModel | None], ...] = (("ips", None), ("dr", lambda text: model))
    for method, rewards in methods:
        terms = [_terms([policy], [world], method, rewards).item() for world in worlds]
        mean = sum(term * world.propensity for term, world in zip(terms, worlds, strict=True))
        assert mean == pytest.approx(policy[right])


@settings(deadline=None)
@given(PROBABILITIES, st.sampled_from(AGENTS))
def test_dr_with_a_perfect_model_never_errs(log: Mapping[str, float], right: str) -> None:
    """Where the model knows, the estimate does not depend on what was taken."""
    for taken in AGENTS:
        logged = [Feedback("x", taken, right=taken == right, propensity=log[taken])]
        found = estimate(lambda text: log, logged, reward_model=lambda text: {right: 1.0})
        assert found.value == pytest.approx(log[right])


@pytest.mark.parametrize("method", METHODS)
def test_the_interval_holds_the_value_as_often_as_it_says(method: Method) -> None:
    """In 300 logs of 400 decisions each, 95% intervals hold the true value in 92% at least."""
    generator = np.random.default_rng(3)
    log, quality = np.array([0.7, 0.2, 0.1]), np.array([0.6, 0.5, 0.8])
    policy = {"a": 0.2, "b": 0.5, "c": 0.3}
    truth = float(np.array(list(policy.values())) @ quality)
    held = 0
    for _ in range(300):
        taken = generator.choice(3, size=400, p=log)
        right = generator.random(400) < quality[taken]
        logged = [
            Feedback("x", AGENTS[at], right=bool(good), propensity=float(log[at]))
            for at, good in zip(taken, right, strict=True)
        ]
        found = estimate(lambda text: policy, logged, method=method, reward_model=lambda text: {"a": 0.5, "b": 0.5})
        held += found.low <= truth <= found.high
    assert held >= 276


def test_what_a_log_without_chance_cannot_know_widens_the_interval() -> None:
    """The log always took a: 40 thumbs down do not say what b would have earned, 60 up say: nothing."""
    logged = [up("a")] * 60 + [down("a")] * 40
    for method in METHODS:
        own = estimate(always("a"), logged, method=method, reward_model=lambda text: {"a": 0.5})
        assert own.value == pytest.approx(0.6)
        assert 0.5 < own.low < 0.6 < own.high < 0.7
        other = estimate(always("b"), logged, method=method, reward_model=lambda text: {"b": 0.5})
        assert other.low == 0
        assert other.high >= 0.4


def test_a_router_as_a_policy(keyword: KeywordRouter) -> None:
    """Its choice for sure; nobody where it abstains."""
    assert greedy(keyword)("feed the cat") == {"cats": 1.0}
    assert greedy(keyword)("launch the rocket") == {}


# -- the gain of one over another ------------------------------------------------------------------------------------


def test_agreement_counts_nothing() -> None:
    """Two equal policies gain nothing on each other, and no interval is above zero."""
    found = gain(always("a"), always("a"), [up("a", 0.5), down("a", 0.5), up("b", 0.5)] * 50)
    assert found.value == 0
    assert found.low < 0 < found.high


@pytest.mark.parametrize(("wins", "losses", "passes"), [(5, 0, False), (6, 0, True), (9, 2, False), (10, 2, True)])
def test_a_gain_by_known_rewards_needs_what_a_sign_test_needs(wins: int, losses: int, passes: bool) -> None:  # noqa: FBT001  # a parameter of the table
    """Whether the lower end is above zero, with 300 decisions on which both agree: one-sided 2.5% of a fair coin."""
    new = by_table({"w": "b", "l": "b", "same": "a"})
    logged = [
        *[down("a", text="w", should_be="b")] * wins,
        *[up("a", text="l")] * losses,
        *[up("a", text="same")] * 300,
    ]
    found = gain(new, always("a"), logged)
    assert found.value == pytest.approx((wins - losses) / len(logged))
    assert (found.low > 0) is passes
    assert found.method == "known rewards"


def test_a_thumb_down_that_names_nobody_proves_nothing_without_chance() -> None:
    """The champion asked a and was wrong: b may have been right every time or never, and the interval says so."""
    found = gain(always("b"), always("a"), [down("a")] * 200)
    assert found.value == 0
    assert found.low <= 0
    assert found.high == pytest.approx(1.0, abs=0.02)


def test_a_champion_that_the_log_never_asked_may_have_been_right() -> None:
    """The log is of an older champion that asked b and was wrong; today's a is not known to be wrong as well."""
    found = gain(always("b"), always("a"), [down("b")] * 200)
    assert found.value == 0
    assert found.high == pytest.approx(0.0, abs=0.02)
    assert found.low == pytest.approx(-1.0, abs=0.02)
    assert gain(always("b"), always("a"), [up("b")] * 200).low > 0.9


def test_chance_in_the_log_makes_up_for_what_is_not_named() -> None:
    """The log tried b in a tenth of the requests, where it is always right; the thumbs down on a name nobody."""
    logged = [down("a", 0.9)] * 540 + [up("b", 0.1)] * 60
    found = gain(always("b"), always("a"), logged)
    assert found.method == "known rewards and propensities"
    assert found.low > 0.5
    assert found.value == pytest.approx(1.0)


def test_propensities_of_another_log_do_not_raise_the_lower_end() -> None:
    """A log led by c says nothing of a by chance: what is not known of the champion counts as lost."""
    logged = [down("c", 0.9)] * 540 + [up("b", 0.1)] * 30 + [down("b", 0.1)] * 30
    found = gain(always("b"), always("a"), logged)
    assert found.method == "known rewards"
    assert found.low < 0


@settings(deadline=None, max_examples=30)
@given(st.floats(0.3, 0.9), st.floats(0.1, 0.9), st.integers(0, 2**32 - 1))
def test_the_lower_end_is_honest_whatever_is_named(rate: float, named: float, seed: int) -> None:
    """An equal challenger, a log by chance, some names: of ten such logs at most two show a gain above zero."""
    generator = np.random.default_rng(seed)
    assert sum(_equal_passes(generator, rate, named) for _ in range(10)) <= 2


def _equal_passes(generator: np.random.Generator, rate: float, named: float) -> bool:
    texts = [f"{n}" for n in range(300)]
    right = dict(zip(texts, generator.choice(["a", "b"], size=300).tolist(), strict=True))
    logged = []
    for text in texts:
        taken = "a" if generator.random() < rate else "b"
        propensity = rate if taken == "a" else 1 - rate
        tells = taken != right[text] and generator.random() < named
        should_be = right[text] if tells else ""
        logged.append(Feedback(text, taken, taken == right[text], should_be, propensity))
    return gain(always("b"), always("a"), logged).low > 0


@pytest.mark.parametrize("logged", [[], ()])
def test_an_empty_log_is_refused(logged: Sequence[Feedback]) -> None:
    """Nothing is estimated from nothing."""
    with pytest.raises(RouterError, match="no logged decisions"):
        estimate(always("a"), logged)
    with pytest.raises(RouterError, match="no logged decisions"):
        gain(always("a"), always("b"), logged)
