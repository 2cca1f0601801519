import gc
import os
from typing import Final

import pytest
from hypothesis import settings

# No test asserts a time, so no example has a deadline. The same examples everywhere: a red build is the change's fault.
settings.register_profile("pointsman", deadline=None, derandomize=True, database=None)
settings.load_profile("pointsman")

# The suite says the same in a build as at a desk: a test of what is refused where CI is set sets it itself, and with
# the others the command line would write colours into what is no terminal.
for _name in ("CI", "GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS"):
    os.environ.pop(_name, None)

#: Files that take longest: they go first, so that no process is left with one when the others are done.
LONGEST: Final = (
    "test_readme.py",
    "test_cli_promote.py",
    "test_faults.py",
    "test_trained_model.py",
    "test_model.py",
    "test_cancellations.py",
    "test_chaos.py",
)

#: Files that must be refused: our own pytest plugin would collect the scenarios among them, and report just that.
collect_ignore_glob: Final = ["broken/*"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; `make test` tells pytest-xdist to keep the order."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def pytest_collection_finish() -> None:
    """Let no collection of garbage look at all modules again: a quarter of a million values that stay, torch's too."""
    gc.collect()
    gc.freeze()
