"""The public names of `scenarios`, and what asking for one of them loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

import scenarios


@pytest.mark.parametrize("name", scenarios.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """Each is imported when it is first asked for, so a wrong one would be found by its user."""
    assert getattr(scenarios, name) is not None


def test_the_names_are_sorted_and_no_other_is_there() -> None:
    """As `ruff` sorts them: constants, classes, functions."""
    assert sorted(scenarios._WHEN_ASKED_FOR) == sorted(scenarios.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Cassete'"):
        scenarios.Cassete  # noqa: B018 - asking for it is the point


def test_comparing_runs_loads_neither_the_engine_nor_the_router() -> None:
    """So that `pointsman diff` begins at once."""
    heavy = "{'numpy', 'router', 'networkx', 'orchestrator.orchestrator'}"
    script = f"import sys; from scenarios import compare, FileTrack; sys.exit(len({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
