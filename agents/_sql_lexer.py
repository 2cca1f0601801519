"""The SQL lexer: cuts a text into statements whose words cannot hide in comments, strings or function bodies."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

_PATTERN = r"""(?P<blank>\s+|--[^\n]*)
  | (?P<opener>/\*|(?<!\w)\$(?:[A-Za-z_]\w*)?\$)
  | (?P<string>(?<!\w)[eE]'(?:[^'\\NEWLINE]|\\.|'')*'|'(?:[^'NEWLINE]|'')*')
  | (?P<quoted>"(?:[^"NEWLINE]|"")*"|`[^`NEWLINE]*`)
  | (?P<broken>['"`])
  | (?P<end>;)
  | (?P<word>\w+)
  | (?P<other>.)"""
_LEXEME = re.compile(_PATTERN.replace("NEWLINE", ""), re.VERBOSE | re.DOTALL)
_LEXEME_OF_LINES = re.compile(_PATTERN.replace("NEWLINE", r"\n"), re.VERBOSE | re.DOTALL)
_RECOVERY = re.compile(r";[ \t]*(?:\n|\Z)")


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One word, sign or placeholder, and where it starts in the text."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    Attributes:
        source: as written, without the semicolon.
        start: offset in the text.
        lexemes: without comments; words in upper case, quoted names as written, strings as '', bodies as $$.
        broken: whether a quote or comment was opened and never closed.
    """

    source: str
    start: int
    lexemes: tuple[Lexeme, ...]
    broken: bool = False

    @property
    def words(self) -> str:
        """The lexemes, one space between two."""
        return join(self.lexemes)


def join(lexemes: tuple[Lexeme, ...]) -> str:
    """Return the lexemes' texts, one space between two."""
    return " ".join(lexeme.text for lexeme in lexemes)


def split(text: str, limit: int) -> list[Statement]:
    """Return the statements of a text, `limit` at most.

    A quote that never closes would swallow what follows it. Where there is one, no quote may span lines, and its
    statement is taken to end at the next line that ends with a semicolon, so that it hides no other.
    """
    statements: list[Statement] = []
    for statement in itertools.islice(_scan(text, _LEXEME), limit):
        if statement.broken:
            return list(itertools.islice(_scan(text, _LEXEME_OF_LINES), limit))
        statements.append(statement)
    return statements


def _scan(text: str, pattern: re.Pattern[str]) -> Iterator[Statement]:
    lexemes: list[Lexeme] = []
    position = 0
    while match := pattern.match(text, position):
        kind, position = match.lastgroup or "other", match.end()
        if kind == "opener":
            kind, position = _close(text, match)
        if kind == "broken":
            start, position = (lexemes[0].start if lexemes else match.start()), _recover(text, position)
            yield Statement(text[start:position], start, (*lexemes, Lexeme(match[0], match.start())), broken=True)
        if kind == "end":
            yield from _statement(text, lexemes, match.start())
        if kind in ("broken", "end"):
            lexemes = []
        elif kind != "blank":
            lexemes.append(Lexeme(_normal(kind, match[0]), match.start()))
    yield from _statement(text, lexemes, len(text))


def _close(text: str, opener: re.Match[str]) -> tuple[str, int]:
    """Return what a comment or dollar-quoted body is and where it ends."""
    closer = "*/" if opener[0] == "/*" else opener[0]
    end = text.find(closer, opener.end())
    if end < 0:
        return "broken", opener.end()
    return "blank" if closer == "*/" else "body", end + len(closer)


def _recover(text: str, position: int) -> int:
    found = _RECOVERY.search(text, position)
    return found.end() if found else len(text)


def _normal(kind: str, text: str) -> str:
    placeholders = {"string": "''", "body": "$$", "quoted": text}
    return placeholders.get(kind) or text.upper()


def _statement(text: str, lexemes: list[Lexeme], end: int) -> Iterator[Statement]:
    if lexemes:
        yield Statement(text[lexemes[0].start : end], lexemes[0].start, tuple(lexemes))
