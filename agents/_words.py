"""Words: how script-finder takes a text apart, and what a script says about itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]{2,}|\d+")
_COMMONEST = """
    after an and any are as at be before by can do does for from have how in into is it its me my need of on or our
    out please script scripts shell something so that the there this to us we what where which who will with
    you want your
"""
_STOP = frozenset(_COMMONEST.split())
_SHEBANG = re.compile(r"#!|#\s*-\*-|<\?|set\s+-|@echo\b", re.IGNORECASE)
_COMMENT = re.compile(r"""\s*(?:\#+|--+|//+|/\*+|\*+/?|;+|::|[rR][eE][mM]\b|"{3}|'{3})\s?(.*?)(?:\*/|"{3}|'{3})?\s*$""")
_DOCSTRING = re.compile(r'\s*[rR]?("""|\'\'\')(.*?)\1', re.DOTALL)


class Header(NamedTuple):
    """What a script says about itself.

    Attributes:
        text: its leading comments.
        first: their first line that says something.
        line: where that is, 1-based; 0 if there is none.
    """

    text: str
    first: str
    line: int


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, CamelCase and snake_case taken apart, the commonest left out."""
    found = (match[0].lower() for match in _WORD.finditer(_CAMEL.sub(" ", text)))
    return [word for word in found if word not in _STOP]


def header(source: str) -> Header:
    """Return the comments that a script begins with."""
    lines = list(_leading_comments(source))
    said = [(text, number) for text, number in lines if any(letter.isalpha() for letter in text)]
    first, number = said[0] if said else ("", 0)
    return Header(" ".join(text for text, _ in lines), first, number)


def _leading_comments(source: str) -> Iterator[tuple[str, int]]:
    docstring_ends = _docstring_end(source)
    for number, line in enumerate(source.splitlines()[:60], 1):
        comment = _COMMENT.match(line)
        if not line.strip() or _SHEBANG.match(line):
            continue
        if comment is None and number > docstring_ends:
            return
        yield (comment[1] if comment else line).strip(), number


def _docstring_end(source: str) -> int:
    """Return the last line of a Python docstring that the source begins with, comments aside; 0 if there is none."""
    code = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*+").match(source)
    start = code.end() if code else 0
    found = _DOCSTRING.match(source, start)
    return source.count("\n", 0, found.end()) + 1 if found else 0
