import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.policy import Policy, Retry


@given(st.integers(1, 100), st.floats(0, 3600), st.floats(1, 10), st.floats(0, 1))
def test_a_wait_stays_between_its_bounds(attempt: int, backoff_s: float, factor: float, jitter: float) -> None:
    """A wait grows by the factor up to its bound, and jitter takes away at most its share."""
    retry = Retry(backoff_s=backoff_s, factor=factor, jitter=jitter)
    full = min(backoff_s * factor ** (attempt - 1), retry.max_backoff_s)
    wait = retry.delay(attempt, random.Random(1))
    assert full * (1 - jitter) * 0.999999 <= wait <= full * 1.000001


def test_without_jitter_waits_are_exact() -> None:
    """Half a second, doubled each time, never more than a minute."""
    retry = Retry(jitter=0)
    assert [retry.delay(n, random.Random(1)) for n in (1, 2, 3, 20)] == [0.5, 1.0, 2.0, 60.0]


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"timeout_s": 0}, {"retry": {"max_attempts": 0}}, {"tries": 2}])
def test_a_policy_that_could_never_run_is_refused(wrong: dict[str, object]) -> None:
    """Bounds and names are checked when the policy is made."""
    with pytest.raises(ValidationError):
        Policy.model_validate(wrong)
