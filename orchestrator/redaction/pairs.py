"""Pairs: secrets that a text names itself: `password=...`, `"token": "..."`, `Cookie: ...`, however deep in quotes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from orchestrator.redaction.names import Names
from orchestrator.redaction.pseudonym import WITHIN, is_pseudonym

_NAME: Final = re.compile(
    rf"(?!(?<=\[){WITHIN}\])(?<![\w-])([\w-]{{2,64}}+)(\\*+)([\"']?)[ \t]{{0,4}}([=:])(?![=:])[ \t]{{0,4}}"
)
_OPENING: Final = re.compile(r"(\\*+)([\"'])")
_CLOSING: Final = {quote: re.compile(rf"(?<!\\)(\\*+){quote}") for quote in "\"'"}
_FIELD: Final = re.compile(r"[^\s&;,\"'<>\\{\[]++")
_SCALAR: Final = re.compile(r"[^\s&;,\"'<>\\{}\[\]]++")
_LINE: Final = re.compile(r"[^\r\n\"\\]++")
_JSON_WORDS: Final = ("null", "true", "false")
_HEADERS: Final = frozenset(("cookie", "set-cookie", "authorization", "proxy-authorization", "x-api-key"))


@dataclass(frozen=True, slots=True)
class Pair:
    """A secret with its name.

    Attributes:
        start, end: where the secret is, without its quotes.
        rule: for what has this name.
        secret: what is meant, its escapes taken away.
        quote: what a pseudonym needs around it where the secret had no quotes and stood in JSON.
    """

    start: int
    end: int
    rule: str
    secret: str
    quote: str = ""


def pairs(text: str, names: Names) -> Iterator[Pair]:
    """Yield secrets with their names, in order and without overlap; linear in the length of the text."""
    at = 0
    while (named := _NAME.search(text, at)) is not None:
        at = named.end()
        rule = names.rule_of(named[1])
        if not rule:
            continue
        pair = _value(text, named, rule)
        if pair is not None:
            at = max(at, pair.end)
            if pair.secret and not is_pseudonym(pair.secret):
                yield pair


def _value(text: str, named: re.Match[str], rule: str) -> Pair | None:
    start = named.end()
    opening = _OPENING.match(text, start)
    if opening is not None:
        return _quoted(text, opening, rule)
    if named[3] and named[4] == ":":
        found = _SCALAR.match(text, start)
        if found is None or found[0] in _JSON_WORDS:
            return None
        return Pair(start, found.end(), rule, found[0], named[2] + named[3])
    if named[4] == "=":
        return _plain(text, start, rule, _FIELD)
    if named[1].lower() in _HEADERS:
        return _plain(text, start, rule, _LINE)
    found = _SCALAR.match(text, start)
    if found is None or len(found[0]) < 6 or not any(letter.isdigit() for letter in found[0]):
        return None  # prose: "the password: please choose one"
    return Pair(start, found.end(), rule, found[0])


def _plain(text: str, start: int, rule: str, what: re.Pattern[str]) -> Pair | None:
    found = what.match(text, start)
    return None if found is None else Pair(start, start + len(found[0].rstrip()), rule, found[0].rstrip())


def _quoted(text: str, opening: re.Match[str], rule: str) -> Pair:
    """Return what is between quotes: up to the next of the same depth of escapes, or to the end of the text."""
    depth, start = len(opening[1]), opening.end()
    end = len(text)
    for closing in _CLOSING[opening[2]].finditer(text, start):
        # A quote of depth n follows n backslashes and whole escaped backslashes, of 2 (n + 1) each.
        beyond = len(closing[1]) - depth
        if beyond >= 0 and beyond % (2 * (depth + 1)) == 0:
            end = closing.end() - 1 - depth
            break
    return Pair(start, end, rule, _unescaped(text[start:end], depth))


def _unescaped(raw: str, depth: int) -> str:
    """Return what is meant by what stands in quotes of so many backslashes."""
    while "\\" in raw and depth >= 0:
        try:
            raw = json.loads(f'"{raw}"', strict=False)
        except ValueError:
            return raw
        depth = (depth + 1) // 2 - 1
    return raw
