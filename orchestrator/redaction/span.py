"""Span: a part of a text that is to be replaced, and how several of them are put together."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text.

    Attributes:
        start, end: where it is.
        rule: that found it.
        secret: in its canonical form; what its pseudonym is made of.
        instead: what replaces it where that is no pseudonym, such as an encoded text that holds some.
        whole: whether pseudonyms that stand in it go with it.
    """

    start: int
    end: int
    rule: str
    secret: str
    instead: str | None = None
    whole: bool = False


def apart(spans: Iterable[Span], text: str, taken: Iterable[re.Match[str]]) -> Iterator[Span]:
    """Yield spans in order and without overlap: those that overlap become one, for no rest of a secret may stay.

    Args:
        spans: in any order.
        text: that they are of.
        taken: pseudonyms in it; a span that touches one is dropped, unless it is `whole`.
    """
    holes = [found.span() for found in taken]
    last: Span | None = None
    for span in sorted(_free(spans, holes), key=lambda one: (one.start, -one.end)):
        if last is None or span.start >= last.end:
            if last is not None:
                yield last
            last = span
        elif span.end > last.end:
            joined = text[last.start : span.end]
            last = replace(last, end=span.end, secret=joined, instead=None)
    if last is not None:
        yield last


def _free(spans: Iterable[Span], holes: list[tuple[int, int]]) -> Iterator[Span]:
    ends = [end for _, end in holes]
    for span in spans:
        at = bisect_left(ends, span.start + 1)
        if span.whole or at == len(holes) or holes[at][0] >= span.end:
            yield span
