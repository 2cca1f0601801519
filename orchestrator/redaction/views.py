"""Views: what is meant by a text that is written in an encoding: percent signs, escapes of JSON, base64."""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from orchestrator.redaction.pseudonym import PSEUDONYM
from orchestrator.redaction.span import Span

_PERCENT: Final = re.compile(r"%(?:[0-7][0-9A-Fa-f]|[Cc]2%[Aa]0)|\+")
_ESCAPE: Final = re.compile(r"(?<!\\)\\++(?:u00[0-9A-Fa-f]{2}|/)")
#: Letters of base64 that are looked into, at least.
LEAST: Final = 16
_BASE64: Final = re.compile(rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{LEAST},}}+={{0,2}}(?![A-Za-z0-9=])")


@dataclass(frozen=True, slots=True)
class View:
    """A text as it is meant, and where its parts come from.

    Attributes:
        text: decoded.
        starts: where in it a part begins that is written otherwise, and where what follows that does.
        sources: the same places in the text as it is written.
    """

    text: str
    starts: list[int]
    sources: list[int]

    def source(self, place: int, *, end: bool = False) -> int:
        """Return the place in the text as it is written."""
        at = bisect_right(self.starts, place - 1 if end else place) - 1
        if end and self.sources[at + 1 : at + 2] and place == self.starts[at + 1]:
            return self.sources[at + 1]
        return self.sources[at] + place - self.starts[at]

    def back(self, span: Span) -> Span:
        """Return a span of this view as one of the text as it is written."""
        return replace(span, start=self.source(span.start), end=self.source(span.end, end=True))


def views(text: str) -> Iterator[View]:
    """Yield what else a text may mean, each part as long as one letter there."""
    if "%" in text or ("+" in text and "=" in text):
        yield _view(text, _PERCENT, _percent)
    if "\\" in text and ("\\u00" in text or "\\/" in text):
        yield _view(text, _ESCAPE, _escape)


def _percent(written: str) -> str:
    return " " if written == "+" else "\u00a0" if len(written) > 3 else chr(int(written[1:], 16))


def _escape(written: str) -> str:
    return "/" if written.endswith("/") else chr(int(written[-2:], 16))


def _view(text: str, encoded: re.Pattern[str], decode: Callable[[str], str]) -> View:
    parts: list[str] = []
    starts, sources = [0], [0]
    at = length = 0
    for found in encoded.finditer(text):
        parts += (text[at : found.start()], decode(found[0]))
        length += found.start() - at
        starts += (length, length + 1)
        sources += (found.start(), found.end())
        length, at = length + 1, found.end()
    parts.append(text[at:])
    return View("".join(parts), starts, sources)


def packed(text: str, look: Callable[[str], str]) -> Iterator[Span]:
    """Yield what is base64 and holds something that `look` changes; it becomes what that makes of it, packed again.

    Args:
        text: any.
        look: given what is in it: text, or where it is none, bytes as letters (latin-1); returns what is to be in it.
    """
    for found in _BASE64.finditer(text):
        written = found[0]
        alphabet = b"-_" if "-" in written or "_" in written else b"+/"
        raw = _unpacked(written, alphabet)
        if raw is None:
            continue
        charset = _charset(raw)
        inside = raw.decode(charset)
        changed = look(inside)
        if changed == inside and PSEUDONYM.search(inside) is None:
            continue
        again = base64.b64encode(changed.encode(charset), alphabet).decode()  # padded: every decoder takes that
        if again != written:
            yield Span(*found.span(), "", written, instead=again, whole=True)


def _unpacked(written: str, alphabet: bytes) -> bytes | None:
    plain = written.rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), alphabet, validate=True)
    except binascii.Error:
        return None


def gained(before: str, after: str) -> Counter[str]:
    """Return which pseudonyms a text has that it had not before, each as often as it has them; in base64 as well."""
    return _pseudonyms(after) - _pseudonyms(before)


def _pseudonyms(text: str) -> Counter[str]:
    found = Counter(PSEUDONYM.findall(text))

    def look(inside: str) -> str:
        found.update(PSEUDONYM.findall(inside))
        return inside

    for _ in packed(text, look):
        pass
    return found


def _charset(raw: bytes) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"
