from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import PointsmanError
from orchestrator.files import write_atomically


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """The new content, and nothing beside it."""
    path = tmp_path / "f"
    path.write_bytes(b"old")
    write_atomically(path, [b"ne", b"w"])
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_midway_leaves_the_old_file(tmp_path: Path) -> None:
    """Neither half a file nor a part of one is left behind."""

    def broken() -> Iterator[bytes]:
        yield b"ne"
        raise ValueError("no more")

    path = tmp_path / "f"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="no more"):
        write_atomically(path, broken())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """One line: the path and the cause."""
    with pytest.raises(PointsmanError, match=r"nowhere/f: cannot be written"):
        write_atomically(tmp_path / "nowhere" / "f", [b""])
