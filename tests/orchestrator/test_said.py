import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import DocumentError
from orchestrator.said import read_said


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_words_are_read_with_their_defaults(tmp_path: Path) -> None:
    """The right agent tells whether it was right; blank lines are skipped; a run stands where it is named."""
    path = write(
        tmp_path / "said.jsonl", '{"task": "t", "should_be": "a"}', "", '{"task": "u", "right": true, "run": "r"}'
    )
    assert read_said(path) == [
        {"task": "t", "right": None, "should_be": "a", "note": ""},
        {"task": "u", "right": True, "should_be": "", "note": "", "run": "r"},
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "said.jsonl:2:1: no JSON"),
        ("[" * 100_000, "said.jsonl:2:1: no JSON"),
        ("[1]", "said.jsonl:2:1: list where an object should be"),
        ('{"task": "t", "shuold_be": "a"}', r"unknown key 'shuold_be'; did you mean 'should_be'\?"),
        ('{"task": "t", "right": "yes"}', "'right' is str"),
        ('{"task": 1, "right": true}', "'task' is int"),
        ('{"task": "t"}', "'task', and 'right' or 'should_be', are needed"),
        ('{"right": true}', "'task', and 'right' or 'should_be', are needed"),
    ],
)
def test_a_bad_line_is_refused_by_number(tmp_path: Path, line: str, problem: str) -> None:
    """File, line, what is wrong, and how a line looks."""
    with pytest.raises(DocumentError, match=problem):
        read_said(write(tmp_path / "said.jsonl", '{"task": "t", "right": true}', line))


def test_a_file_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    """Silence is no feedback."""
    with pytest.raises(DocumentError, match="cannot be read"):
        read_said(tmp_path / "nowhere.jsonl")
    with pytest.raises(DocumentError, match="it says nothing"):
        read_said(write(tmp_path / "empty.jsonl", "", " "))


@given(line=st.binary(max_size=40))
def test_whatever_stands_in_a_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, line: bytes) -> None:
    """No other error leaves the parser."""
    path = tmp_path_factory.mktemp("said") / "said.jsonl"
    path.write_bytes(line)
    with contextlib.suppress(DocumentError):
        assert read_said(path)


@given(st.text(min_size=1, max_size=5), st.booleans(), st.text(max_size=5), st.text(max_size=5))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    task: str,
    right: bool,  # noqa: FBT001 - hypothesis draws it
    should_be: str,
    note: str,
) -> None:
    """Any text stands for itself."""
    path = tmp_path_factory.mktemp("said") / "said.jsonl"
    value = {"task": task, "right": right, "should_be": should_be, "note": note}
    path.write_text(json.dumps(value), encoding="utf-8")
    assert read_said(path) == [value]
