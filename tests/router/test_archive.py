import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from router import ModelFileError
from router.archive import read_arrays

ARRAYS: dict[str, Any] = {
    "bytes": np.arange(7, dtype=np.uint8),
    "halves": np.linspace(-1, 1, 6, dtype=np.float16).reshape(2, 3),
    "flags": np.array([True, False]),
    "none": np.zeros((0, 4), dtype=np.float32),
    "whole": np.arange(3, dtype=np.int32),
}


def read(path: Path, most_bytes: int = 1 << 20) -> Mapping[str, NDArray[Any]]:
    """Read a file as an archive of at most a megabyte."""
    words = {"what": "an archive", "remedy": "mend it", "if_unreadable": "look elsewhere"}
    return read_arrays(path, most_bytes, check=lambda sizes: None, **words)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good archive."""
    np.savez(tmp_path / "good.npz", **ARRAYS)
    return tmp_path / "good.npz"


def test_arrays_are_what_numpy_wrote(path: Path) -> None:
    """Every array comes back with its kind, shape and values."""
    found = read(path)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert np.array_equal(found[name], array)


def test_what_has_more_than_a_byte_is_aligned(path: Path) -> None:
    """Numbers are copied out of the file, in which they begin anywhere; bytes stay there and cannot be written to."""
    found = read(path)
    assert all(array.flags.aligned for array in found.values())
    assert not found["bytes"].flags.writeable


def test_sizes_are_shown_before_anything_is_read(path: Path) -> None:
    """Whoever reads can refuse by the names and sizes of the members."""
    seen: dict[str, int] = {}
    read_arrays(path, 1 << 20, what="", remedy="", if_unreadable="", check=seen.update)
    assert seen["bytes.npy"] == 128 + 7
    assert seen.keys() == {f"{name}.npy" for name in ARRAYS}


def npy(header: bytes, values: bytes = b"", version: bytes = b"\1\0", length: bytes | None = None) -> bytes:
    """Return a member as `.npy` has it."""
    return b"\x93NUMPY" + version + (length or struct.pack("<H", len(header))) + header + values


PLAIN = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n"


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(npy(b"", length=struct.pack("<L", 2**31 - 1), version=b"\2\0"), id="header-of-2-GB"),
        pytest.param(npy(b"{}\n", length=b"\xff\xff"), id="header-longer-than-the-member"),
        pytest.param(npy((PLAIN % ("<f4", "False", "(2147483648,)")).encode()), id="array-of-8-GB"),
        pytest.param(npy((PLAIN % ("<f4", "False", "(" + "9" * 30 + ",)")).encode()), id="array-beyond-counting"),
        pytest.param(npy((PLAIN % ("<f4", "True", "(1, 1)")).encode(), bytes(4)), id="by-columns"),
        pytest.param(npy((PLAIN % ("|O", "False", "(1,)")).encode(), bytes(8)), id="objects"),
        pytest.param(npy((PLAIN % ("<f4", "False", "(-1, -1)")).encode(), bytes(4)), id="negative"),
        pytest.param(npy((PLAIN % ("<f3", "False", "(1,)")).encode(), bytes(3)), id="no-such-kind"),
        pytest.param(npy((PLAIN % ("<f4", "False", "(2,)")).encode(), bytes(4)), id="too-short"),
        pytest.param(npy((PLAIN % ("<f4", "False", "(__import__('os'),)")).encode(), bytes(4)), id="code"),
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="text"),
    ],
)
def test_a_member_that_is_no_plain_array_is_refused(tmp_path: Path, member: bytes) -> None:
    """A header decides on how much is read and as what: any but that of plain numbers, all there, is refused."""
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        archive.writestr("bytes.npy", member)
    with pytest.raises(ModelFileError, match="is not an archive"):
        read(tmp_path / "bad.npz")


def huge_directory(content: bytearray) -> None:
    """Say in the directory that the first member has 2 GB."""
    at = content.index(b"PK\1\2")
    struct.pack_into("<2L", content, at + 20, 2**31, 2**31)


def far_away(content: bytearray) -> None:
    """Say that the first member begins beyond the file."""
    struct.pack_into("<L", content, content.index(b"PK\1\2") + 42, len(content) + 5)


def encrypted(content: bytearray) -> None:
    """Say that the first member is encrypted."""
    content[content.index(b"PK\1\2") + 8] |= 1


def many_entries(content: bytearray) -> None:
    """Say that there are more members than there are."""
    struct.pack_into("<2H", content, content.index(b"PK\5\6") + 8, 60_000, 60_000)


@pytest.mark.parametrize("lie", [huge_directory, far_away, encrypted, many_entries])
def test_a_directory_that_lies_is_refused(path: Path, lie: Callable[[bytearray], None]) -> None:
    """Offsets and sizes are checked against the file before anything is read there."""
    content = bytearray(path.read_bytes())
    lie(content)
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="is not an archive"):
        read(path)


def test_a_file_over_the_limit_is_refused(path: Path) -> None:
    """The limit is on the file: nothing in it can be larger, as nothing is compressed."""
    with pytest.raises(ModelFileError, match="larger than 100 bytes"):
        read(path, most_bytes=100)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_flipped_byte_changes_no_array(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Damage anywhere is refused, or lies where nothing is read: never another array."""
    buffer = io.BytesIO()
    np.savez(buffer, **ARRAYS)
    content = bytearray(buffer.getvalue())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("flipped") / "damaged.npz"
    path.write_bytes(content)
    try:
        found = read(path)
    except ModelFileError:
        return
    for name in found.keys() & ARRAYS.keys():
        assert np.array_equal(found[name], ARRAYS[name])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """A file of anything raises our own error, if any."""
    path = tmp_path_factory.mktemp("any") / "any.npz"
    path.write_bytes(content)
    with pytest.raises(ModelFileError):
        read(path)
