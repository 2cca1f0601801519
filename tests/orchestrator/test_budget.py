from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.budget import Amount, Budget, Shortage, amount_of, nanos_of, parse_budget, shown
from orchestrator.errors import AgentError, BudgetExceededError, PointsmanError

COSTS = st.decimals(min_value=0, max_value=10**9, places=9, allow_nan=False)
LIMITS = st.none() | st.integers(0, 10**6)
BUDGETS = st.builds(
    Budget, tasks=LIMITS, attempts=LIMITS, tokens=LIMITS, wall_s=st.none() | st.floats(0, 1e6), cost=st.none() | COSTS
)


@settings(max_examples=40, deadline=None)
@given(BUDGETS)
def test_a_budget_comes_back_from_its_json_with_the_same_limits(budget: Budget) -> None:
    """To the billionth of a cost; wall time to the microsecond."""
    again = Budget.model_validate(budget.to_json())
    assert {**again.limits, "wall_s": 0} == {**budget.limits, "wall_s": 0}
    assert again.limits.get("wall_s", 0) == pytest.approx(budget.limits.get("wall_s", 0), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.lists(COSTS, max_size=20))
def test_costs_add_up_exactly(costs: list[Decimal]) -> None:
    """As floats they would not; as JSON they are text."""
    total = Amount()
    for cost in costs:
        total = total.plus(Amount.from_json(amount_of(0, cost).to_json()))
    assert Decimal(str(shown("cost", total.nanos))) == sum(costs, Decimal(0))


@settings(max_examples=40, deadline=None)
@given(BUDGETS, BUDGETS)
def test_what_a_budget_says_replaces_another_and_the_narrower_is_the_least_of_both(one: Budget, other: Budget) -> None:
    """Field by field."""
    assert one.over(other).limits == one.limits, "all fields are given here"
    assert Budget().over(other).limits == other.limits
    assert Budget(tokens=None).over(other).limits == {k: v for k, v in other.limits.items() if k != "tokens"}
    narrower = one.within(other).limits
    for name in one.limits.keys() | other.limits.keys():
        assert narrower[name] == min(b.limits[name] for b in (one, other) if name in b.limits)


def test_a_budget_is_read_from_a_text() -> None:
    """As the command line gives it; `none` lifts a limit."""
    budget = parse_budget("tokens=100000, cost=2.50,tasks=none")
    assert budget.to_json() == {"tokens": 100_000, "cost": "2.5"}
    assert "tasks" in budget.model_fields_set


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "'' is no resource"),
        ("token=5", "did you mean 'tokens'"),
        ("tokens", "as tokens=NUMBER"),
        ("tokens=", "as tokens=NUMBER"),
        ("tokens=1,tokens=2", "each resource once"),
        ("tokens=-1", "tokens"),
        ("tokens=1.5", "tokens"),
        ("cost=1e-12", "cost"),
        ("cost=NaN", "cost"),
        ("cost=1e999", "cost"),
        ("wall_s=inf", "wall_s"),
    ],
)
def test_a_text_that_is_no_budget_is_refused(text: str, problem: str) -> None:
    """With what is wrong, and where."""
    with pytest.raises(PointsmanError, match=problem):
        parse_budget(text)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"(tokens|cost|wall_s|tasks)=[0-9eE+.,naif-]{0,12}", fullmatch=True))
def test_no_text_is_refused_with_another_error_than_ours(text: str) -> None:
    """Whatever somebody types."""
    try:
        parse_budget(text)
    except PointsmanError:
        return


@pytest.mark.parametrize("cost", [-1, "-0.1", "NaN", "inf", "1e400", "ten", True, 10**16])
def test_a_cost_that_is_none_is_refused(cost: Any) -> None:
    """Before it is counted."""
    with pytest.raises(AgentError, match="cost"):
        amount_of(0, cost)


@pytest.mark.parametrize("tokens", [-1, 1.5, True, "5", 10**16])
def test_tokens_that_are_none_are_refused(tokens: Any) -> None:
    """Before they are counted."""
    with pytest.raises(AgentError, match="tokens"):
        amount_of(tokens, 0)


def test_a_cost_is_rounded_up_to_a_billionth() -> None:
    """So that many small ones never add up to less than they were."""
    assert amount_of(0, 1e-10).nanos == 1
    assert amount_of(0, 0.1).nanos == nanos_of(Decimal("0.1")) == 100_000_000


def test_a_shortage_says_whose_what_and_how_much() -> None:
    """In words for people, and as JSON; the error carries it."""
    short = Shortage("agent", "poet", "tokens", 10_000, 10_250)
    error = BudgetExceededError(short)
    assert str(error) == "the budget of agent 'poet' is used up: 10,250 tokens spent of 10,000"
    assert Shortage.from_json(short.to_json()) == error.shortage
    cost = Shortage("run", "", "cost", nanos_of(Decimal("2.5")), nanos_of(Decimal("2.51")))
    assert cost.tell() == "the budget of the run is used up: cost 2.51 of 2.5"
    assert Shortage.from_json(cost.to_json()) == cost
    assert Shortage("task", "t", "wall_s", 60.0, 60.02).figures == "60.02 s of 60 s"
    assert Shortage("run", "", "attempts", 3, 3).figures == "3 attempts begun of 3"


def test_a_budget_knows_no_other_resource() -> None:
    """A limit that is misspelt would be none."""
    with pytest.raises(ValidationError):
        Budget.model_validate({"token": 5})
