"""How release-notes reads commits, counts versions and treats a repository that nobody has vouched for."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import _git
from agents.release_notes import NotesInput, NotesReport, release_notes
from orchestrator import AgentError, Task, TaskContext

HISTORY = Path(__file__).parents[2] / "scenarios/library/inputs/release/history.fast-import"


def notes(*commits: str, version: str = "1.2.3") -> NotesReport:
    """Run the agent on messages."""
    context = TaskContext(Task(id="t", request="notes"))
    return release_notes(NotesInput(commits=commits, version=version), context)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose folder `repo` holds the bundled history."""
    folder = tmp_path_factory.mktemp("workspace")
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(folder / "repo")], check=True)
    with HISTORY.open("rb") as stream:
        subprocess.run(["git", "-C", str(folder / "repo"), "fast-import", "--quiet"], stdin=stream, check=True)
    (folder / "plain").mkdir()
    return folder


def from_git(workspace: Path, **fields: Any) -> NotesReport:
    """Run the agent on the bundled history, through its door."""
    task = Task(id="t", request="notes", payload={"repo": "repo", **fields})
    report: NotesReport = asyncio.run(release_notes.handle(task, TaskContext(task, workspace=workspace)))
    return report


def test_the_notes_begin_with_what_breaks() -> None:
    """Breaking first, then features, fixes, the rest, and what could not be read."""
    report = notes("docs: c", "fix(b): d", "oops", "feat: a", "refactor!: e")
    titles = [line[3:] for line in report.markdown.splitlines() if line.startswith("## ")]
    assert titles == ["Breaking changes", "Features", "Fixes", "Other changes", "Not classified"]
    assert "- **b:** d (2)" in report.markdown
    assert "- oops (3)" in report.markdown


@pytest.mark.parametrize(
    ("commits", "before", "bump", "after"),
    [
        (["feat!: a"], "1.2.3", "major", "2.0.0"),
        (["fix: a\n\nBREAKING CHANGE: b"], "v1.2.3", "major", "2.0.0"),
        (["fix: a\n\nBREAKING-CHANGE: b"], "1.2.3", "major", "2.0.0"),
        (["feat!: a"], "0.4.1", "major", "0.5.0"),
        (["feat: a", "fix: b"], "1.2.3", "minor", "1.3.0"),
        (["fix: a", "docs: b"], "1.2.3", "patch", "1.2.4"),
        (["docs: a"], "1.2.3", "none", "1.2.3"),
        (["feat: a"], "", "minor", "0.1.0"),
    ],
)
def test_the_next_version_follows_semver(commits: list[str], before: str, bump: str, after: str) -> None:
    """Before 1.0.0 a breaking change raises the minor number."""
    report = notes(*commits, version=before)
    assert (report.bump, report.next_version) == (bump, after)


@pytest.mark.parametrize(
    "message", ["fix it", "feat:no space", "feat : a", "", "feat(): a", "(x): a", "Merge branch x"]
)
def test_what_does_not_follow_the_convention_is_listed(message: str) -> None:
    """Nothing is dropped, and the verdict warns."""
    report = notes(message)
    assert (report.verdict, [each.id for each in report.unconventional]) == ("warn", ["1"])


def test_the_footer_says_what_breaks() -> None:
    """Its further lines belong to it, the next footer does not."""
    report = notes("feat!: a\n\nBREAKING CHANGE: one\ntwo\nRefs: 1")
    assert report.breaking[0].breaking == "one two"
    assert notes("Feat!: a").breaking[0].breaking == "a"


def test_a_calm_release_passes() -> None:
    """Every commit follows the convention and nothing breaks."""
    assert notes("feat: a").verdict == "pass"


def test_a_message_cannot_smuggle_html_or_links_into_the_page() -> None:
    """Notes end up on intranet pages."""
    page = notes("feat: <script>x</script> [a](http://b)").markdown
    assert "<script>" not in page
    assert "](" not in page


def test_the_bundled_history_asks_for_a_major_version(workspace: Path) -> None:
    """Since v1.1.0 the API broke once and one commit follows no convention."""
    report = from_git(workspace)
    assert (report.previous_version, report.next_version, report.verdict) == ("1.1.0", "2.0.0", "warn")
    assert [each.subject for each in report.unconventional] == ["quick fix for the demo on thursday"]
    assert [each.breaking for each in report.breaking] == [
        "clients must read `iban` instead of `acct_no`; the old field is no longer sent."
    ]
    assert from_git(workspace) == report


def test_the_notes_of_a_tag_are_those_since_the_one_before(workspace: Path) -> None:
    """A tag on the last commit is the release itself."""
    report = from_git(workspace, until="v1.1.0")
    assert (report.previous_version, report.next_version, len(report.features)) == ("1.0.0", "1.1.0", 1)
    assert from_git(workspace, until="v1.0.0").previous_version == ""


def test_a_given_beginning_wins(workspace: Path) -> None:
    """`since` may be any revision; a version tag also says the version."""
    assert from_git(workspace, since="v1.0.0").previous_version == "1.0.0"
    report = from_git(workspace, since="main~2", version="3.0.0")
    assert (len(report.others), report.next_version) == (2, "3.0.0")
    assert "No changes." in from_git(workspace, since="main").markdown


@pytest.mark.parametrize("field", ["since", "until"])
@pytest.mark.parametrize(
    "revision", ["--output=x", "-n1", "a..b", "x;y", "a b", "$(id)", "nowhere", "v1.0.0\n", "\0", "@{upstream}", ""]
)
def test_a_revision_that_is_none_is_refused(workspace: Path, field: str, revision: str) -> None:
    """Nothing that could be an option reaches git."""
    if (field, revision) == ("since", ""):
        return
    with pytest.raises(AgentError, match="revision"):
        from_git(workspace, **{field: revision})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "either repo"),
        ({"repo": "repo", "commits": ["feat: a"]}, "either repo"),
        ({"repo": "nowhere"}, "no folder"),
        ({"repo": "../.."}, "leads out"),
        ({"repo": "plain"}, "git cannot read|outside the workspace"),
        ({"commits": ["feat: a"], "version": "one"}, "not a version"),
    ],
)
def test_what_it_cannot_work_on_is_refused(workspace: Path, fields: dict[str, Any], words: str) -> None:
    """Both or neither source, no repository, no version."""
    with pytest.raises(AgentError, match=words):
        release_notes(NotesInput(**fields), TaskContext(Task(id="t", request="notes"), workspace=workspace))


def test_a_repository_around_the_workspace_is_not_read(tmp_path: Path) -> None:
    """Git looks for a repository in the folders above; the workspace ends that."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "inner" / "folder").mkdir(parents=True)
    context = TaskContext(Task(id="t", request="notes"), workspace=tmp_path / "inner")
    with pytest.raises(AgentError, match="outside the workspace"):
        release_notes(NotesInput(repo="folder"), context)


def test_git_that_is_missing_or_hangs_or_floods_is_an_error(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each says what happened."""
    with monkeypatch.context() as patch:
        patch.setattr(_git, "MAX_COMMITS", 2)
        with pytest.raises(AgentError, match="more than 2 commits"):
            from_git(workspace)
    for fault, words in (
        (FileNotFoundError(), "not installed"),
        (subprocess.TimeoutExpired("git", 20), "longer than 20 s"),
    ):

        def fail(*_: Any, fault: Exception = fault, **__: Any) -> None:
            raise fault

        monkeypatch.setattr(subprocess, "run", fail)
        with pytest.raises(AgentError, match=words):
            from_git(workspace)


MESSAGES = st.lists(
    st.text(max_size=40) | st.sampled_from(["feat: a", "fix!: b", "BREAKING CHANGE: c", "x\n\nBREAKING CHANGE: d"]),
    min_size=1,
    max_size=5,
)


@settings(max_examples=100, deadline=None)
@given(MESSAGES)
def test_no_message_makes_it_crash_or_gets_lost(messages: list[str]) -> None:
    """Each commit is in exactly one section, and twice is the same."""
    report = notes(*messages)
    sections = (report.breaking, report.features, report.fixes, report.others, report.unconventional)
    assert sum(len(section) for section in sections) == len(messages)
    assert report.model_dump_json() == notes(*messages).model_dump_json()
