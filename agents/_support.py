"""What the bundled agents share: the verdict, frozen values, reading the workspace, the optional libraries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from orchestrator import AgentError, TaskContext

Verdict = Literal["pass", "warn", "fail"]
MAX_BYTES: Final = 5_000_000


class Value(BaseModel):
    """A frozen value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@contextmanager
def libraries(agent: str) -> Iterator[None]:
    """Import the optional libraries of `agent` inside this block.

    Raises:
        AgentError: if one is not installed; says which, and how to get it.
    """
    try:
        yield
    except ImportError as error:
        missing = error.name or "a library"
        raise AgentError(f"{agent} needs {missing}, which is not installed; pip install 'pointsman[agents]'") from error


def locate(context: TaskContext, relative: str) -> Path:
    """Return a path inside the workspace.

    Raises:
        AgentError: if it leads out of the workspace or is no path at all.
    """
    try:
        return context.path(relative)
    except (OSError, ValueError) as error:
        raise AgentError(f"path {relative!r} is not usable; give one inside the workspace") from error


def read_text(context: TaskContext, relative: str, *, strict: bool = True) -> str:
    """Return the text of a UTF-8 file in the workspace; without `strict`, odd bytes are replaced.

    Raises:
        AgentError: if there is no such file, it is larger than `MAX_BYTES`, or it is not UTF-8.
    """
    path = locate(context, relative)
    try:
        if not path.is_file():
            raise AgentError(f"there is no file {relative!r} in the workspace; check the path")
        if path.stat().st_size > MAX_BYTES:
            raise AgentError(f"{relative!r} is larger than {MAX_BYTES} bytes; give a part of it")
        return path.read_bytes().decode("utf-8-sig", "strict" if strict else "replace")
    except UnicodeDecodeError as error:
        raise AgentError(f"{relative!r} is not UTF-8 text (byte {error.start}); convert it") from error
    except OSError as error:
        raise AgentError(f"{relative!r} cannot be read: {error.strerror or 'no reason given'}") from error


def text_or_file(context: TaskContext, text: str, relative: str, what: str, *, strict: bool = True) -> str:
    """Return `text`, or the contents of the file `relative`; exactly one of the two must be given.

    Raises:
        AgentError: if both or neither are given, the text is too large, or the file cannot be read.
    """
    if bool(text) == bool(relative):
        raise AgentError(f"give {what} either as text or as a path in the workspace, one of the two")
    if len(text) > MAX_BYTES:
        raise AgentError(f"{what} is longer than {MAX_BYTES} characters; give a part of it")
    return text or read_text(context, relative, strict=strict)


def excerpt(text: str, limit: int = 120) -> str:
    """Return `text` on one line, shortened to `limit` characters."""
    line = " ".join(text[: limit * 8].split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def count_of(number: int, noun: str) -> str:
    """Return '1 line', '2 lines'."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
