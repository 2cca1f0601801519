"""Owns the archive: arrays in one ``.npz`` from an untrusted source, read within a bound and without pickle."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.errors import ModelFileError


def read_arrays(
    path: Path,
    most_bytes: int,
    *,
    what: str,
    remedy: str,
    if_unreadable: str,
    check: Callable[[Mapping[str, int]], None],
) -> dict[str, NDArray[Any]]:
    """Read all arrays of a file by their names.

    Args:
        path: The file.
        most_bytes: Of the file, and of its arrays together.
        what: The file should be, for errors.
        remedy: What to do about a damaged file.
        if_unreadable: What to do where there is none, or it cannot be opened.
        check: Called with the bytes of each member of the file, before any is unpacked; refuses by raising.

    Raises:
        ModelFileError: The file is missing, too large, or not of arrays.
    """
    try:
        if path.stat().st_size > most_bytes:
            raise ModelFileError(path, f"larger than {most_bytes} bytes", remedy)
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
        check(sizes)
        if sum(sizes.values()) > most_bytes:
            raise ModelFileError(path, "unpacks to more than the limit", remedy)
        with np.load(path, allow_pickle=False) as members:
            return {name: members[name] for name in members.files}
    except OSError as error:
        problem = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise ModelFileError(path, problem, if_unreadable) from error
    # Not left over: zipfile raises NotImplementedError for a compression method that it does not know.
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError, MemoryError) as error:
        raise ModelFileError(path, f"is not {what} ({error})", remedy) from error
