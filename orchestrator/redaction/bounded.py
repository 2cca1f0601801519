"""Bounded: which regular expressions take a time that grows with the text alone, whatever the text is."""

from __future__ import annotations

import re
from typing import Any, Final

#: So often may one part be repeated at most.
MOST: Final = 256
_parser: Any = getattr(re, "_parser")  # noqa: B009 - the only parser of `re` there is; its name is private
_REPEATS: Final = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


def why_slow(pattern: str) -> str:
    """Return why a pattern may take long on a text that is made for it; empty if it does not."""
    return _why(_parser.parse(pattern), inside=False)


def _why(node: Any, *, inside: bool) -> str:
    """Look through a parsed pattern, whose parts are (name, arguments), with patterns among these."""
    if isinstance(node, _parser.SubPattern):
        return next((why for part in node for why in (_of(part, inside=inside),) if why), "")
    if isinstance(node, tuple | list):
        return next((why for part in node for why in (_why(part, inside=inside),) if why), "")
    return ""


def _of(part: tuple[Any, Any], *, inside: bool) -> str:
    name, arguments = str(part[0]), part[1]
    if name not in _REPEATS:
        return _why(arguments, inside=inside)
    least, most, repeated = arguments
    if int(most) > MOST:
        return f"a repetition without a bound, or of more than {MOST} times"
    varies = least != most or most > 1
    if inside and varies and most > 1:
        return "a repetition inside another"
    return _why(repeated, inside=inside or most > 1)
