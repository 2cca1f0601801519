"""Files: written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from orchestrator.errors import PointsmanError


def write_atomically(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file; who reads it meanwhile sees the old one or the whole new one.

    Raises:
        PointsmanError: if it cannot be written; nothing is left behind.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")  # not tempfile: the umask says who may read it
    try:
        try:
            with part.open("xb") as file:
                file.writelines(chunks)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise PointsmanError(f"{path}: cannot be written: {error.strerror}; choose another path") from error
