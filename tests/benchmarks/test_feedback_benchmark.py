import pytest

from benchmarks.router.feedback import REQUESTS, Course, gap_closed


def test_the_gap_is_that_between_the_start_and_the_true_labels() -> None:
    """From 70 to 85 where the true labels give 90 is three quarters of the way; a loss is below nothing."""
    assert gap_closed(Course({0: 70.0, 250: 60.0, REQUESTS: 85.0}, 80.0), 90.0) == pytest.approx(75.0)
    assert gap_closed(Course({0: 70.0, REQUESTS: 68.0}, 80.0), 90.0) == pytest.approx(-10.0)
