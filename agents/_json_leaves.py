"""Leaves: the keys and scalars of a JSON value, and whether each of them occurs in a source text."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

Leaf = tuple[str, Any]  # ("text", "iban"), ("number", 12.0), ("word", "true")

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|-?\d[\d.eE+-]*|[A-Za-z]+', re.DOTALL)
_LOOSE = re.compile(r"""[^\s"',:{}\[\]]+""")
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]*\w)")
_WORDS = {True: r"[Tt]rue|TRUE", False: r"[Ff]alse|FALSE", None: r"null|NULL|None"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[\"\\/bfnrt'])")
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def leaves(value: Any) -> Iterator[Any]:
    """Yield every key and scalar of a JSON value, in order."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def depth(source: str) -> int:
    """Return how deep brackets nest in a text, those in strings aside."""
    level = deepest = 0
    for match in re.finditer(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', source, re.DOTALL):
        level += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        deepest = max(deepest, level)
    return deepest


def unfit(value: Any) -> str:
    """Return why a value cannot travel as JSON between programs; empty if it can."""
    for leaf in leaves(value):
        if isinstance(leaf, float) and not math.isfinite(leaf):
            return "a number is not finite"
        if isinstance(leaf, int) and not -(2**63) <= leaf < 2**64:
            return "a whole number does not fit 64 bits"
        if isinstance(leaf, str) and any("\ud800" <= letter <= "\udfff" for letter in leaf):
            return "a string holds half of a surrogate pair"
    return ""


# --- exact: the source is JSON, perhaps cut ---------------------------------------------------------------------------


def differences(source: str, value: Any) -> tuple[list[str], list[str]]:
    """Return the leaves of a JSON text that the value lacks, and the value's leaves that the text lacks."""
    tokens = [match[0] for match in _TOKEN.finditer(source)]
    have = Counter(_leaf(leaf) for leaf in leaves(value))
    lost = []
    for token in tokens:
        leaf = _token_leaf(token)
        if have[leaf] > 0:
            have[leaf] -= 1
        else:
            lost.append(token)
    return lost, [str(leaf[1]) for leaf in have.elements()]


def _leaf(leaf: Any) -> Leaf:
    if isinstance(leaf, str):
        return ("text", leaf)
    if isinstance(leaf, bool) or leaf is None:
        return ("word", json.dumps(leaf))
    return ("number", leaf)


def _token_leaf(token: str) -> Leaf:
    try:
        return _leaf(json.loads(token, strict=False))
    except ValueError:
        return ("cut", token)


# --- loose: the source is broken --------------------------------------------------------------------------------------


class _Place(NamedTuple):
    start: int
    end: int


def trace(source: str, value: Any) -> tuple[list[str], list[str]]:
    """Return what of a broken text the value lacks, and the value's leaves that are not there in that order.

    Each leaf is looked for behind the one before it, as a whole word, so that none is used twice.
    """
    text = decode(source)
    position, gaps = 0, []
    for leaf in leaves(value):
        place = _find(text, leaf, position)
        if place is None:
            return [], [str(leaf)]
        gaps.append(text[position : place.start])
        position = place.end
    gaps.append(text[position:])
    return [match[0] for gap in gaps for match in _LOOSE.finditer(gap)], []


def invented_containers(source: str, value: Any) -> list[str]:
    """Return the kinds of bracket that the value has more of than the text."""
    have = Counter(_openers(value))
    return [opener for opener in "[{" if have[opener] > source.count(opener)]


def _openers(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        yield "{" if isinstance(value, dict) else "["
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _openers(inner)


def decode(text: str) -> str:
    """Return the text with JSON's escapes replaced by what they stand for."""
    return _ESCAPE.sub(_unescape, text)


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, code)


def _find(text: str, leaf: Any, position: int) -> _Place | None:
    if isinstance(leaf, bool) or leaf is None:
        return _search(rf"(?<!\w)(?:{_WORDS[leaf]})(?!\w)", text, position)
    if isinstance(leaf, str):
        return _find_text(text, leaf, position) or _find_text(text, decode(leaf), position)
    for match in _NUMBER.finditer(text, position):
        padded = re.match(r"[-+]?0\d", match[0])  # 00123 is an account, not 123
        if not padded and float(match[0]) == leaf:
            return _Place(*match.span())
    return None


def _find_text(text: str, leaf: str, position: int) -> _Place | None:
    if not leaf:
        return _search(r'""|\'\'', text, position)
    before = r"(?<!\w)" if leaf[0].isalnum() else ""
    after = r"(?!\w)" if leaf[-1].isalnum() else ""
    return _search(before + re.escape(leaf) + after, text, position)


def _search(pattern: str, text: str, position: int) -> _Place | None:
    match = re.compile(pattern).search(text, position)
    return _Place(*match.span()) if match else None
