"""Budgets."""

import asyncio

import pytest

from orchestrator.clock import run_virtual
from orchestrator.http.meter import Meter
from orchestrator.http.policy import HttpBudget
from orchestrator.http_errors import HttpBudgetError


def test_without_a_budget_there_is_no_limit() -> None:
    """None of the three is a limit unless it is given."""

    async def main() -> None:
        meter = Meter(HttpBudget())
        meter.spend_request(10**12)
        assert meter.remaining_s() is None
        assert (meter.requests, meter.body_bytes) == (1, 10**12)

    run_virtual(main())


def test_a_request_beyond_the_budget_is_refused_and_not_counted() -> None:
    """The error names the limit."""
    meter = Meter(HttpBudget(requests=2))
    meter.spend_request(0)
    meter.spend_request(0)
    with pytest.raises(HttpBudgetError, match="budget of 2 requests is used up"):
        meter.spend_request(0)
    assert meter.requests == 2


def test_bytes_are_those_of_bodies_both_ways() -> None:
    """The byte that exceeds the budget raises."""
    meter = Meter(HttpBudget(body_bytes=10))
    meter.spend_request(4)
    meter.spend_bytes(6)
    with pytest.raises(HttpBudgetError, match="10 body bytes"):
        meter.spend_bytes(1)


def test_seconds_run_from_the_first_call() -> None:
    """Not from the making of the client, which may happen long before."""

    async def main() -> None:
        meter = Meter(HttpBudget(seconds=10))
        await asyncio.sleep(100)
        assert meter.remaining_s() == 10
        await asyncio.sleep(4)
        assert meter.remaining_s() == 6
        await asyncio.sleep(6)
        with pytest.raises(HttpBudgetError, match="10 seconds"):
            meter.remaining_s()

    run_virtual(main())
