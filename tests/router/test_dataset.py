import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import DatasetError, Example, RouterError, read_examples
from router import dataset as module
from router.dataset import MAX_LINE_BYTES, digest_examples

GOOD = b'{"text": "hi", "label": "a"}\n{"text": "ho", "label": "b"}\n'


def refused(tmp_path: Path, content: bytes) -> DatasetError:
    """Write a file and return how it is refused."""
    path = tmp_path / "data.jsonl"
    path.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        read_examples(path)
    return caught.value


def test_examples_are_read_in_order(tmp_path: Path) -> None:
    """Each line is an example; blank lines and other keys are passed over."""
    path = tmp_path / "data.jsonl"
    path.write_bytes(GOOD + b'\n  \n{"text": "hey", "label": "a", "id": 3}')
    assert read_examples(path) == [Example("hi", "a"), Example("ho", "b"), Example("hey", "a")]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param(b"{", "not JSON", id="broken"),
        pytest.param(b"[1]", "list where an object should be", id="list"),
        pytest.param(b'{"label": "a"}', 'no "text"', id="no-text"),
        pytest.param(b'{"text": "a"}', 'no "label"', id="no-label"),
        pytest.param(b'{"text": 1, "label": "a"}', '"text" is int, not a string', id="number"),
        pytest.param(b'{"text": "a", "label": " "}', '"label" is empty', id="blank"),
        pytest.param(b'{"text": "\xff", "label": "a"}', "not UTF-8 at byte 10", id="latin"),
        pytest.param(b'"' + b"x" * MAX_LINE_BYTES + b'"', "longer than", id="long"),
        pytest.param(b"[" * 60_000, "nested too deeply", id="deep"),
    ],
)
def test_a_bad_line_is_refused_by_number(tmp_path: Path, line: bytes, problem: str) -> None:
    """The error names file and line, what is wrong, and what to do."""
    error = refused(tmp_path, GOOD + line)
    assert error.line == 3
    assert str(error).startswith(f"{tmp_path / 'data.jsonl'}:3: ")
    assert problem in str(error)
    assert "; " in str(error)


def test_one_label_is_refused(tmp_path: Path) -> None:
    """There is nothing to tell apart with a single label."""
    assert "1 label(s)" in str(refused(tmp_path, b'{"text": "hi", "label": "a"}'))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that is not there is our error, not the operating system's."""
    with pytest.raises(RouterError, match="cannot be read"):
        read_examples(tmp_path / "none.jsonl")


def test_a_huge_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file over the limit is refused before it is read."""
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 10)
    assert "larger than 10 bytes" in str(refused(tmp_path, GOOD))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """No content makes the reader fail in any other way than its own error."""
    path = tmp_path_factory.mktemp("any") / "data.jsonl"
    path.write_bytes(content)
    try:
        assert len(read_examples(path)) >= 2
    except DatasetError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is fine, and each is checked


def test_the_digest_covers_texts_and_labels() -> None:
    """Swapping a label changes the digest; surrogates have one too."""
    assert digest_examples([Example("a", "b")]) != digest_examples([Example("b", "a")])
    assert len(digest_examples([Example("\ud800", "a")])) == 16
    assert json.dumps("\ud800") == '"\\ud800"'
