"""Git: reads commits and tags of a repository that nobody has vouched for.

No shell, no user or system configuration, no pager, no signature program, no network, a time limit, and revisions
that are resolved to ids before they reach a command that could take them for an option.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from orchestrator import AgentError

TIMEOUT_S: Final = 20.0
MAX_COMMITS: Final = 5_000
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@^~{}+-]{0,199}")


class Commit(NamedTuple):
    """A commit: its id, shortened, and its whole message."""

    id: str
    message: str


class Tag(NamedTuple):
    """A tag and the id of the commit that it names."""

    name: str
    commit: str


class Repository:
    """A git repository inside a folder that bounds it."""

    def __init__(self, folder: Path, bounds: Path, name: str) -> None:
        self._folder, self._name = folder, name
        if not folder.is_dir():
            raise AgentError(f"there is no folder {name!r} in the workspace; check the path")
        home = Path(self._git("rev-parse", "--absolute-git-dir").strip())
        if not home.resolve().is_relative_to(bounds.resolve()):
            raise AgentError(f"the repository of {name!r} lies outside the workspace; give one inside it")

    def resolve(self, revision: str) -> str:
        """Return the id of the commit that a revision names.

        Raises:
            AgentError: if it does not look like a revision, or names none.
        """
        if not _REVISION.fullmatch(revision) or ".." in revision:
            raise AgentError(f"{revision[:60]!r} is not a revision; give one tag, branch or commit id")
        try:
            return self._git("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}").strip()
        except AgentError as error:
            raise AgentError(f"{self._name!r} has no revision {revision!r}; check its tags and branches") from error

    def tags(self, until: str) -> list[Tag]:
        """Return the tags whose commit is `until` or before it."""
        lines = self._git(
            "for-each-ref",
            f"--merged={until}",
            "--format=%(refname:short)%09%(objectname)%09%(*objectname)",
            "refs/tags",
        ).splitlines()
        parts = [line.split("\t") for line in lines]
        return [Tag(name, peeled or direct) for name, direct, peeled in parts]

    def commits(self, since: str, until: str) -> list[Commit]:
        """Return the commits after `since` up to `until`, newest first, merges left out; an empty `since` means all."""
        span = [f"^{since}"] if since else []
        listing = self._git(
            "log", "-z", "--no-merges", "--no-color", "--no-show-signature", "--no-notes", "--no-mailmap",
            "--encoding=UTF-8", f"--max-count={MAX_COMMITS + 1}", "--format=%h%x09%B", until, *span, "--",
        )  # fmt: skip
        found = [Commit(*entry.split("\t", 1)) for entry in listing.split("\0") if "\t" in entry]
        if len(found) > MAX_COMMITS:
            raise AgentError(f"more than {MAX_COMMITS} commits; give a later 'since'")
        return found

    def _git(self, *arguments: str) -> str:
        command = ["git", "--no-pager", "-c", "core.abbrev=10", "-C", str(self._folder), *arguments]
        try:
            done = subprocess.run(  # noqa: S603 - a list of arguments, no shell, revisions resolved
                command,
                capture_output=True,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                timeout=TIMEOUT_S,
                check=True,
            )
        except FileNotFoundError as error:
            raise AgentError("git is not installed; install it or give the commits as text") from error
        except subprocess.TimeoutExpired as error:
            raise AgentError(f"git took longer than {TIMEOUT_S:g} s on {self._name!r}") from error
        except (subprocess.CalledProcessError, OSError, ValueError) as error:
            raise AgentError(f"git cannot read {self._name!r}; is it a repository that you own?") from error
        return done.stdout.decode("utf-8", "replace")


def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "LC_ALL": "C",
    }
