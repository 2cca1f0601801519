"""Owns the reading of labelled examples: JSON Lines of ``{"text", "label"}``, every bad line refused by number."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from router.errors import DatasetError
from router.feedback import Feedback

MAX_LINE_BYTES: Final = 64 * 1024
MAX_FILE_BYTES: Final = 1024**3
_REMEDY: Final = 'write one object a line, {"text": "...", "label": "..."}'


@dataclass(frozen=True, slots=True)
class Example:
    """A request and the name of the agent that should serve it."""

    text: str
    label: str


def read_examples(path: Path | str) -> list[Example]:
    """Read labelled examples from a JSON Lines file; blank lines are skipped.

    Raises:
        DatasetError: The file cannot be read, a line is not what it should be, or fewer than two labels occur.
    """
    path = Path(path)
    examples = [_example(path, number, line) for number, line in _lines(path) if line.strip()]
    labels = {example.label for example in examples}
    if len(labels) < 2:
        raise DatasetError(path, 0, f"{len(labels)} label(s) found", "give examples of at least two labels")
    return examples


def read_texts(path: Path | str) -> tuple[str, ...]:
    """Read the texts of a JSON Lines file of ``{"text"}``; other keys and blank lines are skipped.

    Raises:
        DatasetError: The file cannot be read, or a line is not what it should be.
    """
    path = Path(path)
    lines = ((number, line) for number, line in _lines(path) if line.strip())
    return tuple(_field(path, number, _row(path, number, line), "text") for number, line in lines)


def digest_examples(examples: Iterable[Example], feedback: Iterable[Feedback] = ()) -> str:
    """Return 16 hexadecimal characters over texts and labels, in their order, and over the feedback."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(json.dumps([example.text, example.label]).encode())
    for thumb in feedback:
        digest.update(json.dumps([thumb.text, thumb.agent, thumb.right, thumb.should_be]).encode())
    return digest.hexdigest()[:16]


def _lines(path: Path) -> list[tuple[int, bytes]]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise DatasetError(path, 0, f"larger than {MAX_FILE_BYTES} bytes", "split the file")
        return list(enumerate(path.read_bytes().split(b"\n"), start=1))
    except OSError as error:
        raise DatasetError(path, 0, f"cannot be read ({error.strerror})", "check the path") from error


def _example(path: Path, number: int, line: bytes) -> Example:
    row = _row(path, number, line)
    return Example(_field(path, number, row, "text"), _field(path, number, row, "label"))


def _row(path: Path, number: int, line: bytes) -> dict[str, object]:
    if len(line) > MAX_LINE_BYTES:
        raise DatasetError(path, number, f"line longer than {MAX_LINE_BYTES} bytes", "shorten the text")
    row = _parse(path, number, line)
    if not isinstance(row, dict):
        raise DatasetError(path, number, f"{type(row).__name__} where an object should be", _REMEDY)
    return row


def _parse(path: Path, number: int, line: bytes) -> object:
    try:
        return json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise DatasetError(path, number, f"not UTF-8 at byte {error.start}", "save the file as UTF-8") from error
    except RecursionError as error:
        raise DatasetError(path, number, "nested too deeply", _REMEDY) from error
    except ValueError as error:
        raise DatasetError(path, number, f"not JSON ({error})", _REMEDY) from error


def _field(path: Path, number: int, row: dict[str, object], key: str) -> str:
    if key not in row:
        raise DatasetError(path, number, f'no "{key}"', _REMEDY)
    value = row[key]
    if not isinstance(value, str):
        raise DatasetError(path, number, f'"{key}" is {type(value).__name__}, not a string', _REMEDY)
    if not value.strip():
        raise DatasetError(path, number, f'"{key}" is empty', _REMEDY)
    return value
