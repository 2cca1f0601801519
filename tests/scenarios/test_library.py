"""Library: every scenario that comes with the package passes, and its journal is the same in every process."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.plan import load_plan
from scenarios import LIBRARY, ScenarioResult, collect, run_scenario

COLLECTION = collect([LIBRARY])


@functools.cache
def _run(number: int) -> ScenarioResult:
    return run_scenario(COLLECTION.scenarios[number])


@pytest.mark.parametrize(
    "number", range(len(COLLECTION.scenarios)), ids=[scenario.title for scenario in COLLECTION.scenarios]
)
def test_scenario_passes_with_the_bundled_router_and_agents(number: int) -> None:
    """Each scenario of the library is met, every expectation of it."""
    result = _run(number)
    assert [outcome.message for outcome in result.outcomes if not outcome.met] == []
    assert result.error == ""
    assert result.verdict == "passed"


def test_library_is_sound_and_varied() -> None:
    """No file is broken; there are eight scenarios at least; every type of expectation is in use."""
    assert COLLECTION.broken == ()
    assert len({scenario.path for scenario in COLLECTION.scenarios}) >= 8
    used = {expectation.type.removeprefix("not-") for scenario in COLLECTION.scenarios for expectation in scenario.then}
    assert used == {
        "routed", "abstained", "completed", "failed", "dead-lettered", "skipped", "asked", "order", "result", "latency",
        "count",
    }  # fmt: skip


def test_release_plan_names_no_agent() -> None:
    """The plan of the demo leaves every choice to the router."""
    plan = load_plan(LIBRARY / "release.plan.yaml")
    assert len(plan.tasks) >= 10
    assert {task.agent for task in plan.tasks} == {""}


DIGESTS = """
import hashlib, sys
from scenarios import collect, run_scenario
for scenario in collect(sys.argv[1:]).scenarios:
    print(hashlib.sha256(run_scenario(scenario).journal).hexdigest())
"""


def test_journals_are_equal_bytes_in_another_process(tmp_path: Path) -> None:
    """With another hash seed, folder and user's git settings it writes the same journals.

    Three hash seeds and other workers beside them are in `python -m benchmarks.virtual_time --check`.
    """
    files = sorted(map(str, LIBRARY.glob("*.scenario.yaml")))
    here = [hashlib.sha256(_run(number).journal).hexdigest() for number in range(len(COLLECTION.scenarios))]
    environ = {**os.environ, "PYTHONHASHSEED": "4242", "TMPDIR": str(tmp_path), "GIT_AUTHOR_NAME": "someone"}
    done = subprocess.run(
        [sys.executable, "-c", DIGESTS, *files],
        cwd=LIBRARY.parent.parent,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    assert done.stdout.split() == here
