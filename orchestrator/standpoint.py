"""The standpoint: where in the code another thread is at this moment."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

#: Calls that are shown at most, the innermost ones.
_MOST: Final = 8
#: Code that carries others' code: of asyncio, and our own.
_CARRIERS: Final = (str(Path(asyncio.__file__).parent), str(Path(__file__).parent))


class Standpoint(NamedTuple):
    """Where a thread is.

    Attributes:
        where: its innermost call, as `file:line function`.
        calls: the innermost ones of others' code that led there, the outermost first: neither asyncio's nor ours.
    """

    where: str
    calls: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON; the calls only where they say more."""
        return {"where": self.where} | ({"calls": list(self.calls)} if self.calls not in ((), (self.where,)) else {})


def standpoint_of(ident: int) -> Standpoint:
    """Return where a thread of this process is."""
    frame = sys._current_frames().get(ident)  # noqa: SLF001 - documented, for this very purpose
    if frame is None:
        return Standpoint("nowhere: the thread has ended")
    others = itertools.dropwhile(_is_carrier, _outward(frame))  # ours may be what others called last
    calls = [_describe(call) for call in itertools.takewhile(lambda call: not _is_carrier(call), others)]
    return Standpoint(_describe(frame), tuple(reversed(calls[:_MOST])))


def _outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_carrier(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_CARRIERS)


def _describe(frame: FrameType) -> str:
    code = frame.f_code
    return f"{code.co_filename}:{frame.f_lineno} {code.co_qualname}"
