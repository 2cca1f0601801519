"""The benchmark of virtual time: its plan, and the planted agents that it has `doctor --determinism` name."""

from __future__ import annotations

import pytest

from benchmarks.virtual_time import examine_planted, planted_lines, run_once
from scenarios.determinism import Examination
from scenarios.rehearsal import Variation


@pytest.fixture(scope="module")
def examined() -> Examination:
    """Examine the planted agents once: as they are, again, and with another hash seed and order."""
    return examine_planted(variations=(Variation(), Variation(), Variation(1, "reversed")))


def test_planted_sources_are_named_by_line(examined: Examination) -> None:
    """Time, id, randomness, the system's own, the order of a set: each by its line, and nothing of a clean agent."""
    assert {(leak.agent, leak.line.line) for leak in examined.leaks} == set(planted_lines().items())
    assert len(planted_lines()) == 5
    kinds = {leak.agent: (leak.kind, leak.what) for leak in examined.leaks if not leak.guess}
    assert kinds == {
        "stamper": ("time", "time.time"),
        "namer": ("id", "uuid.uuid4"),
        "dicer": ("random", "random.randint"),
        "sealer": ("random", "os.urandom"),
    }


def test_only_what_the_source_suggests_is_a_guess(examined: Examination) -> None:
    """The order of a set is seen by what differs; where it came from is not."""
    assert [leak.kind for leak in examined.leaks if leak.guess] == ["set order"]


def test_differences_are_told_with_task_and_pointer(examined: Examination) -> None:
    """Under the same hash seed four agents differ, the fifth under another one only, the clean one never."""
    base, again, other = examined.runs
    assert (base.same, again.same, other.same) == (True, False, False)
    told = {(one.agent, one.variation.hash_seed): one.change.pointer for one in examined.differences}
    assert told.keys() == {("stamper", 0), ("namer", 0), ("dicer", 0), ("sealer", 0), ("lister", 1)}
    assert told["stamper", 0] == "/body/output/at"


def test_two_thousand_timers_come_to_the_same_in_any_order_of_registration() -> None:
    """More than an hour passes; how many attempts an agent may have at a time changes the rows, and no result."""
    given, other, fewer = run_once("given", 4), run_once("reversed", 4), run_once("shuffled", 1)
    assert given["virtual_s"] > 3600
    assert given["journal"] == other["journal"] != fewer["journal"]
    assert given["results"] == other["results"] == fewer["results"]
