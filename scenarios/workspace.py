"""Workspace: a scenario's own copy of its files, and of a git history where it has one; gone after the run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from orchestrator.errors import PointsmanError
from scenarios.scenario import Scenario

_GIT_LIMIT_S: Final = 120


class WorkspaceError(PointsmanError):
    """Raised when a scenario's files cannot be prepared: a folder cannot be copied, or git refuses the history."""


@contextmanager
def prepared(scenario: Scenario) -> Iterator[Path]:
    """Provide a folder with a copy of the scenario's workspace; it is removed on leaving.

    Raises:
        WorkspaceError: if it cannot be made; says why.
    """
    with tempfile.TemporaryDirectory(prefix="pointsman-", ignore_cleanup_errors=True) as parent:
        root = Path(parent) / "workspace"
        try:
            if scenario.workspace is None:
                root.mkdir()
            else:
                shutil.copytree(scenario.workspace, root, symlinks=True)
        except (OSError, shutil.Error) as error:
            raise WorkspaceError(f"{scenario.workspace}: cannot be copied: {error}; check its files") from error
        if scenario.history is not None and scenario.given.git is not None:
            _make_repository(root, scenario.given.git.into, scenario.history)
        yield root


def _make_repository(root: Path, into: str, history: Path) -> None:
    folder = (root / into).resolve()
    if not folder.is_relative_to(root.resolve()):
        raise WorkspaceError(f"git: folder {into!r} leads out of the workspace; give one inside it")
    folder.mkdir(parents=True, exist_ok=True)
    _git(folder, "init", "--quiet", "--template=", "--initial-branch=main")
    _git(folder, "fast-import", "--quiet", stream=history.read_bytes())
    _git(folder, "reset", "--quiet", "--hard")


def _git(folder: Path, *arguments: str, stream: bytes = b"") -> None:
    """Run git as if on a machine without any configuration, so that no setting of the user's changes the outcome."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}
    try:
        subprocess.run(  # noqa: S603 - fixed arguments, no shell
            ["git", *arguments],  # noqa: S607 - the user's own git
            cwd=folder,
            env=environ,
            input=stream,
            capture_output=True,
            check=True,
            timeout=_GIT_LIMIT_S,
        )
    except FileNotFoundError:
        raise WorkspaceError("git: not found; install it, this scenario needs a repository") from None
    except subprocess.CalledProcessError as error:
        text = " ".join(error.stderr.decode("utf-8", "replace").split())[:500]
        raise WorkspaceError(f"git {arguments[0]}: {text}; correct the history of the scenario") from None
    except subprocess.TimeoutExpired:
        raise WorkspaceError(f"git {arguments[0]}: not done after {_GIT_LIMIT_S} s; use a smaller history") from None
