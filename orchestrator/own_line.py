"""The own line: which line of people's own code a call came from, whatever libraries lie between."""

from __future__ import annotations

import asyncio
import functools
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Final, Literal

_Kind = Literal["ours", "standard", "library", "own"]
_HOME: Final = Path(__file__).resolve().parent.parent
_OURS: Final = tuple(f"{_HOME / package}/" for package in ("orchestrator", "router", "scenarios"))
_STANDARD: Final = tuple(f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib"))
#: What calls whatever an event loop calls.
_CALLBACK: Final = asyncio.Handle._run.__code__  # noqa: SLF001 - known by no other name
_INSTALLED: Final = ("/site-packages/", "/dist-packages/")


@dataclass(frozen=True, slots=True, order=True)
class OwnLine:
    """A line of people's own code.

    Attributes:
        file: path, as Python knows it.
        line: 1-based.
    """

    file: str
    line: int

    def __str__(self) -> str:
        """Return it from its package on: the same wherever that is installed."""
        return f"{_from_package_on(self.file)}:{self.line}"


def own_line(frame: FrameType | None) -> OwnLine | None:
    """Return the innermost line of people's own code that a call came from, given the frame of who was called.

    None where the call came from our own code, or from nobody's: a callback of the event loop, say. Code that was
    installed as a package is own code where nothing else called it, as that of an installed agent is.
    """
    stack = _theirs(frame)
    if not stack:
        return None
    found = next((one for one in stack if kind_of(one.f_code) == "own"), None)
    if found is None:
        package = package_of(stack[-1].f_code.co_filename)
        found = next(one for one in stack if package_of(one.f_code.co_filename) == package)
    return OwnLine(found.f_code.co_filename, found.f_lineno)


def kind_of(code: CodeType) -> _Kind:
    """Return whose code this is."""
    if code.co_filename == "<string>" and code.co_name.startswith("__"):
        return "standard"  # what dataclasses make
    return _kind_of_file(code.co_filename)


def _theirs(frame: FrameType | None) -> list[FrameType]:
    """Return the frames that are neither ours nor the standard library's, the innermost first, up to the first of ours.

    Each callback of the event loop is called by nobody.
    """
    found: list[FrameType] = []
    while frame is not None:
        kind = kind_of(frame.f_code)
        if kind == "ours" or frame.f_code is _CALLBACK:
            break
        if kind != "standard":
            found.append(frame)
        frame = frame.f_back
    return found


@functools.lru_cache(maxsize=4096)
def _kind_of_file(path: str) -> _Kind:
    if path.startswith("<frozen"):
        return "standard"
    if path.startswith(_OURS):
        return "ours"
    if any(part in path for part in _INSTALLED):
        return "library"
    return "standard" if path.startswith(_STANDARD) else "own"


@functools.lru_cache(maxsize=4096)
def package_of(path: str) -> Path:
    """Return the folder of the topmost package that a file belongs to; the file itself where it is in none."""
    top = Path(path)
    while (top.parent / "__init__.py").is_file():
        top = top.parent
    return top


def _from_package_on(path: str) -> str:
    return path if path.startswith("<") else Path(path).relative_to(package_of(path).parent).as_posix()
