"""release-notes: turns commit messages into release notes and the next version.

Messages are read as Conventional Commits 1.0.0; versions follow Semantic Versioning 2.0.0. Before 1.0.0 a breaking
change raises the minor number, as its paragraph 4 allows. Nothing is dropped: what does not follow the convention is
listed as it stands.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from pydantic import Field

from agents._git import MAX_COMMITS, Commit, Repository
from agents._support import Value, Verdict, count_of, excerpt, locate
from orchestrator import AgentError, TaskContext, agent

Bump = Literal["major", "minor", "patch", "none"]

_SUBJECT: Final = re.compile(r"(?P<type>[A-Za-z]+)(?:\((?P<scope>[^()\r\n]+)\))?(?P<bang>!)?: (?P<text>\S[^\r\n]*)")
_BREAKING: Final = re.compile(r"^BREAKING[ -]CHANGE: (.+(?:\n(?!\n|[A-Za-z-]+: ).+)*)", re.MULTILINE)
_VERSION: Final = re.compile(r"v?(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")


class NotesInput(Value):
    """Where the commits are.

    Attributes:
        repo: folder of a git repository in the workspace; or
        commits: whole commit messages, newest first.
        since: revision after which to begin; empty takes the newest version tag before `until`.
        until: last revision.
        version: the version before this release; empty takes it from that tag.
    """

    repo: str = ""
    commits: tuple[str, ...] = Field(default=(), max_length=MAX_COMMITS)
    since: str = ""
    until: str = "HEAD"
    version: str = ""


class Change(Value):
    """One commit that follows the convention.

    Attributes:
        id: of the commit; its 1-based number in `commits` where there is no repository.
        type: feat, fix, docs, ...
        scope: what it is about; may be empty.
        text: its subject without type and scope.
        breaking: what breaks; empty if nothing does.
    """

    id: str
    type: str
    scope: str
    text: str
    breaking: str


class OddCommit(Value):
    """One commit that does not follow the convention.

    Attributes:
        id: as in Change.
        subject: its first line.
    """

    id: str
    subject: str


class NotesReport(Value):
    """The notes.

    Attributes:
        verdict: pass if every commit follows the convention and nothing breaks, warn otherwise.
        summary: one sentence.
        markdown: the notes.
        previous_version: without the v; empty if none is known.
        next_version: suggestion; the previous one if no commit asks for a release.
        bump: which number the commits ask to raise.
        breaking: commits that break something, whatever their type.
        features: the other commits of type feat.
        fixes: the other commits of type fix.
        others: the remaining ones.
        unconventional: commits that could not be read, none left out.
    """

    verdict: Verdict
    summary: str
    markdown: str
    previous_version: str
    next_version: str
    bump: Bump
    breaking: tuple[Change, ...]
    features: tuple[Change, ...]
    fixes: tuple[Change, ...]
    others: tuple[Change, ...]
    unconventional: tuple[OddCommit, ...]


@agent(
    "release-notes",
    summary="Writes release notes from commit history and suggests the next semantic version number.",
    examples=(
        "Write the release notes since the last tag",
        "Generate a changelog from git",
        "What is new in this version, for the business stakeholders?",
        "summarise all commits between v2.3.0 and HEAD",
        "Which version number should we publish next, major or minor?",
        "Draft the announcement of sprint 14's deliverables out of the commit messages",
        "list features and bug fixes that went into the mobile banking app this month",
        "Does anything in the git history break API consumers?",
        "markdown changelog please",
        "Collect what the team merged since October and group it by kind",
        "semver bump for the payments library?",
        "Prepare the What's New page from our conventional commits",
        "tell me which commit messages do not follow the convention",
        "I need a CHANGELOG.md entry for the next patch",
        "Summarize the delivered user-visible improvements for the release mail",
        "what did the developers deliver between the two tags",
        "Turn the git log into something a product owner can read",
        "relase notes for 4.2",
        "changelog from the git commits since tag v3.1.0",
        "Write a changelog of the features and fixes",
        "list the commits since the last version, grouped into features, fixes and breaking changes",
        "What is the next version number after these commits?",
        "Release notes in Markdown for version 5.0, please",
        "summarise the commit history for the release mail",
    ),
)
def release_notes(request: NotesInput, context: TaskContext) -> NotesReport:
    """Write release notes.

    Raises:
        AgentError: if there is neither repository nor commits, or a revision or version is not one.
    """
    if bool(request.repo) == bool(request.commits):
        raise AgentError("give either repo, a folder in the workspace, or commits, a list of messages")
    history = _from_git(request, context) if request.repo else _from_list(request)
    previous = request.version or history.version
    if previous and not _VERSION.fullmatch(previous):
        raise AgentError(f"{previous[:40]!r} is not a version; use MAJOR.MINOR.PATCH, for example 1.4.0")
    return _report(history.commits, previous.removeprefix("v"))


class _History(NamedTuple):
    commits: list[Commit]
    version: str


def _from_list(request: NotesInput) -> _History:
    return _History([Commit(str(number), message) for number, message in enumerate(request.commits, 1)], "")


def _from_git(request: NotesInput, context: TaskContext) -> _History:
    repository = Repository(locate(context, request.repo), context.workspace, request.repo)
    until = repository.resolve(request.until)
    tags = [tag for tag in repository.tags(until) if _VERSION.fullmatch(tag.name) and tag.commit != until]
    last = max(tags, key=lambda tag: _numbers(tag.name), default=None)
    since = repository.resolve(request.since) if request.since else last.commit if last else ""
    version = request.since if _VERSION.fullmatch(request.since) else last.name if last else ""
    return _History(repository.commits(since, until), version)


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(commit: Commit) -> Change | OddCommit:
    message = commit.message.strip()
    match = _SUBJECT.match(message)
    if not match:
        return OddCommit(id=commit.id, subject=excerpt(message.partition("\n")[0], 200))
    footer = _BREAKING.search(message)
    text = excerpt(match["text"], 200)
    return Change(
        id=commit.id,
        type=match["type"].lower(),
        scope=excerpt(match["scope"] or "", 60),
        text=text,
        breaking=excerpt(footer[1], 500) if footer else text if match["bang"] else "",
    )


def _numbers(version: str) -> tuple[int, ...]:
    match = _VERSION.fullmatch(version)
    return tuple(int(number) for number in match.groups()) if match else ()


def _next_version(previous: str, bump: Bump) -> str:
    if not previous:
        return "0.1.0"
    major, minor, patch = _numbers(previous)
    steps: dict[Bump, tuple[int, int, int]] = {
        "major": (major + 1, 0, 0) if major else (0, minor + 1, 0),
        "minor": (major, minor + 1, 0),
        "patch": (major, minor, patch + 1),
        "none": (major, minor, patch),
    }
    return ".".join(str(number) for number in steps[bump])


# --- writing ----------------------------------------------------------------------------------------------------------


def _report(commits: list[Commit], previous: str) -> NotesReport:
    read = [_read(commit) for commit in commits]
    changes = [each for each in read if isinstance(each, Change)]
    odd = tuple(each for each in read if isinstance(each, OddCommit))
    breaking = tuple(each for each in changes if each.breaking)
    calm = [each for each in changes if not each.breaking]
    features = tuple(each for each in calm if each.type == "feat")
    fixes = tuple(each for each in calm if each.type == "fix")
    others = tuple(each for each in calm if each.type not in ("feat", "fix"))
    bump: Bump = "major" if breaking else "minor" if features else "patch" if fixes else "none"
    version = _next_version(previous, bump)
    parts = f"{len(breaking)} breaking, {count_of(len(features), 'feature')}, {len(fixes)} fixed, {len(others)} other"
    return NotesReport(
        verdict="warn" if odd or breaking or not commits else "pass",
        summary=f"{version}: {parts}, {len(odd)} unconventional",
        markdown=_markdown(version, breaking, features, fixes, others, odd),
        previous_version=previous,
        next_version=version,
        bump=bump,
        breaking=breaking,
        features=features,
        fixes=fixes,
        others=others,
        unconventional=odd,
    )


def _markdown(
    version: str,
    breaking: tuple[Change, ...],
    features: tuple[Change, ...],
    fixes: tuple[Change, ...],
    others: tuple[Change, ...],
    odd: tuple[OddCommit, ...],
) -> str:
    sections = (
        ("Breaking changes", [_line(each, each.breaking) for each in breaking]),
        ("Features", [_line(each, each.text) for each in features]),
        ("Fixes", [_line(each, each.text) for each in fixes]),
        ("Other changes", [_line(each, f"{each.type}: {each.text}") for each in others]),
        ("Not classified", [f"- {_plain(each.subject) or '(no message)'} ({each.id})" for each in odd]),
    )
    pages = [f"## {title}\n\n" + "\n".join(lines) for title, lines in sections if lines]
    return "\n\n".join([f"# Release {version}", *(pages or ["No changes."])]) + "\n"


def _line(change: Change, text: str) -> str:
    scope = f"**{_plain(change.scope)}:** " if change.scope else ""
    return f"- {scope}{_plain(text)} ({change.id})"


def _plain(text: str) -> str:
    """Keep a commit message from becoming HTML, a picture or a link in the page."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("](", "]\\(")
