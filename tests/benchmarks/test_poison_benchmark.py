import pytest

from benchmarks.poison import Found, p99
from benchmarks.poison_agents import ATTEMPTS, POISONS
from orchestrator import Result


def _found(*, slow: float = 1.0, attempts: int = ATTEMPTS, status: str = "dead_lettered", cause: str = "") -> Found:
    ends = [Result(str(at), status, poison.card.name, attempts=attempts) for at, poison in enumerate(POISONS)]  # type: ignore[arg-type] # one of the parameters is wrong on purpose
    causes = {str(at): cause or poison.cause for at, poison in enumerate(POISONS)}
    return Found([0.02] * 100, [0.02 * slow] * 100, ends, causes)


def test_the_99th_percentile_is_by_nearest_rank() -> None:
    """Of a hundred it is the ninety-ninth."""
    assert p99([float(n) for n in range(100, 0, -1)]) == 99.0


def test_poison_as_it_should_be_is_not_wrong() -> None:
    """All attempts, a dead letter, the right cause, and others below twice their undisturbed p99."""
    assert not _found().wrong()


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (_found(slow=2.5), 1),
        (_found(attempts=ATTEMPTS + 1), len(POISONS)),
        (_found(status="failed"), len(POISONS)),
        (_found(cause="crash"), len(POISONS) - 1),
    ],
    ids=["slow", "attempts", "status", "cause"],
)
def test_the_benchmark_can_fail(found: Found, lines: int) -> None:
    """Each thing that it is there to see is seen."""
    assert len(found.wrong()) == lines
