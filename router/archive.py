"""Owns the archive: arrays in one uncompressed ``.npz``, written whole, read in place, never as pickle or on trust."""

import math
import mmap
import os
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from router.errors import ModelFileError

# The parts of a ZIP file that `numpy.savez` writes (APPNOTE.TXT 6.3, sections 4.3.7, 4.3.12 and 4.3.16). Reading them
# here is what makes reading in place possible; `zipfile` also takes longer to import than a model takes to load.
_END: Final = struct.Struct("<4s4H2LH")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_ENCRYPTED: Final = 1
# The header of an array (format 1.0 of `.npy`, NumPy Enhancement Proposal 1) as `numpy.savez` writes it for plain
# numbers, by rows: no other is read, least of all one of objects.
_HEADER: Final = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([<|](?:b1|[iu][1248]|f[248]))', "
    rb"'fortran_order': False, 'shape': \(([\d, ]{0,40})\), \} *\n",
    re.DOTALL,
)


class _RefusedError(ValueError):
    """Raised for what is not an archive as described above."""


class _Member(NamedTuple):
    """Where a member's local header and how many bytes of content the directory says it has, and their CRC."""

    at: int
    size: int
    crc: int


def write_arrays(path: Path, members: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays under their names; a reader sees the old file or the whole new one, never a part.

    The old file is replaced, not written into: who has mapped it keeps what it has, to the end.

    Raises:
        ModelFileError: The folder cannot be written to, or has no room.
    """
    import tempfile  # serving never writes, and starts sooner without it

    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            temporary = Path(folder) / path.name  # its folder is private, but it has the mode of any other new file
            with temporary.open("wb") as stream:
                arrays: dict[str, Any] = dict(members)
                np.savez(stream, **arrays)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
    except OSError as error:
        remedy = "choose a folder you can write to, with room"
        raise ModelFileError(path, f"cannot be written ({error.strerror})", remedy) from error


def read_arrays(
    path: Path,
    most_bytes: int,
    *,
    what: str,
    remedy: str,
    if_unreadable: str,
    check: Callable[[Mapping[str, int]], None],
) -> dict[str, NDArray[Any]]:
    """Read all arrays of a file by their names; those of bytes stay in the file, which is mapped; others are copied.

    Who replaces the file by another, as ``write_arrays`` does, changes nothing for those who have mapped it. Never
    write into it: the arrays would change, and a file cut short ends a process that reads beyond its new end.

    Args:
        path: The file.
        most_bytes: Of the file, and so of its arrays together, which are not compressed.
        what: The file should be, for errors.
        remedy: What to do about a damaged file.
        if_unreadable: What to do where there is none, or it cannot be opened.
        check: Called with the bytes of each member of the file, before any is read; refuses by raising.

    Raises:
        ModelFileError: The file is missing, too large, or not of arrays, or what it holds has another CRC.
    """
    try:
        with path.open("rb") as stream:
            if path.stat().st_size > most_bytes:
                raise ModelFileError(path, f"larger than {most_bytes} bytes", remedy)
            content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        members = _directory(content)
        check({name: member.size for name, member in members.items()})
        return {name.removesuffix(".npy"): _array(content, member) for name, member in members.items()}
    except OSError as error:
        problem = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise ModelFileError(path, problem, if_unreadable) from error
    except (ValueError, struct.error, MemoryError) as error:  # an empty file cannot be mapped, which is a ValueError
        raise ModelFileError(path, f"is not {what} ({error})", remedy) from error


def _directory(content: mmap.mmap) -> dict[str, _Member]:
    end = len(content) - _END.size
    mark, disk, _, here, entries, size, begin, comment = _END.unpack_from(content, max(end, 0))
    if mark != b"PK\5\6" or disk or comment or here != entries or begin + size != end:
        raise _RefusedError("no archive, or not whole")
    members = {}
    at = begin
    for _ in range(entries):
        mark, _, _, flags, method, _, _, crc, packed, unpacked, name, extra, note, _, _, _, local = _ENTRY.unpack_from(
            content, at
        )
        if mark != b"PK\1\2" or flags & _ENCRYPTED or method or packed != unpacked:
            raise _RefusedError("compressed, encrypted, or not whole")
        at += _ENTRY.size
        members[content[at : at + name].decode("ascii")] = _Member(local, unpacked, crc)
        at += name + extra + note
    if at != end or len(members) != entries:
        raise _RefusedError("a directory that is not whole")
    return members


def _array(content: mmap.mmap, member: _Member) -> NDArray[Any]:
    mark, *_, name, extra = _LOCAL.unpack_from(content, member.at)
    begin = member.at + _LOCAL.size + name + extra
    if mark != b"PK\3\4" or begin + member.size > len(content):
        raise _RefusedError("a member outside the file")
    whole = memoryview(content)[begin : begin + member.size]
    if zlib.crc32(whole) != member.crc:
        raise _RefusedError("a member with another CRC")
    header = _HEADER.match(whole)
    if header is None or header.end() != 10 + int.from_bytes(header[1], "little"):
        raise _RefusedError("a member that is no array of plain numbers")
    kind = np.dtype(header[2].decode())
    shape = tuple(int(part) for part in header[3].split(b",") if part.strip())
    values = whole[header.end() :]
    if math.prod(shape) * kind.itemsize != len(values):
        raise _RefusedError(f"{len(values)} bytes for an array {kind}{shape}")
    array: NDArray[Any] = np.frombuffer(values, dtype=kind).reshape(shape)
    return array if kind.itemsize == 1 else array.copy()  # what has more bytes may be misaligned in the file
